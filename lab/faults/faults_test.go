//go:build faults

// Package faults breaks a rollout in every way that the lab can, one fault at
// a time, and lets a checker that is not kplb judge what is left: see
// docs/faults.md.
//
//	FAULTS=A1,C1      only these classes (prefixes of their ids)
//	FAULTS_N=50       trials of each, instead of its own number
//	FAULTS_SEED=7     of everything random; the default is 1
//	FAULTS_TRIAL=12   only this trial of each
//	FAULTS_FAST=1     the subset for the acceptance
//	FAULTS_LABS=1     labs that work side by side; three by default: most of a trial is waiting
//	FAULTS_NAME=mine  what the labs are called, before their number
//	FAULTS_TABLE=FILE where the table goes, beside the log
package faults

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// fault is one row of the table.
type fault struct {
	id, name string
	count    int // trials in a full run
	fast     int // and in the subset
	first    bool
	// inject breaks a rollout from t.from to t.to, and returns when the fault
	// is over and no operator is at work.
	inject func(t *trial)
	figure string // what each node of each trial must prove, for a line under the table
	// own judges instead of the common checks, where they do not fit.
	own bool
	// alone has its trials before there is another lab, whose daemons are busy
	// although it waits: they measure time, or connections through a VIP that a
	// busy machine would move.
	alone bool
}

func catalogue() []fault {
	return slices.Concat(operatorFaults(), nodeFaults(), linkFaults(), diskFaults(), placeFaults(),
		fileFaults(), daemonFaults(), lockFaults(), tamperFaults(), secretFaults(), calmFaults(), callFaults(), sudoFaults(),
		poorFaults(), neighbourFaults(), clockFaults(), slowFaults(), downFaults(), quorumFaults(), firstFaults(), secondFaults(), foreignFaults(), memberFaults())
}

func prefix() string { return cmp.Or(os.Getenv("FAULTS_NAME"), "faults") }

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// chosen are the faults that the environment asks for, with their counts.
func chosen() []fault {
	var out []fault
	for _, f := range catalogue() {
		if only := os.Getenv("FAULTS"); only != "" &&
			!slices.ContainsFunc(strings.Split(only, ","), func(p string) bool { return strings.HasPrefix(f.id, p) }) {
			continue
		}
		if os.Getenv("FAULTS_FAST") != "" {
			f.count = f.fast
		}
		if f.count = number("FAULTS_N", f.count); f.count > 0 {
			out = append(out, f)
		}
	}
	return out
}

func TestFaults(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mine, err := os.Create(filepath.Join(os.TempDir(), "kplb-lab-"+prefix()))
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close() //nolint:errcheck // nothing was written
	if syscall.Flock(int(mine.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		t.Fatalf("another run has the labs %s-1 and on: choose another FAULTS_NAME", prefix())
	}
	rows := chosen()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() { // the labs must go then, too; what runs in them fails from there on
		<-interrupted
		for i := range number("FAULTS_LABS", 3) {
			_, _ = machines.Lab{Name: prefix() + "-" + strconv.Itoa(i+1), Root: root}.Verb("down")
		}
		os.Exit(130)
	}()
	benches := make([]*bench, min(number("FAULTS_LABS", 3), len(rows))) // each boots its lab for its first trial
	for i := range benches {
		benches[i] = newBench(t, machines.Lab{Name: prefix() + "-" + strconv.Itoa(i+1), Root: root})
		t.Cleanup(benches[i].close)
	}
	results := make([]result, len(rows))
	carryOut(benches[:1], rows, results, func(f fault) bool { return f.alone })
	carryOut(benches, rows, results, func(f fault) bool { return !f.alone })
	for i := range results {
		if results[i].fault.id == "" {
			t.Errorf("%s was not tried: no lab was left", rows[i].id)
		}
	}
	table := render(results)
	t.Log("\n" + table)
	if again := violations(results); again != "" {
		t.Log("in short:\n" + again)
	}
	if file := os.Getenv("FAULTS_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// carryOut has the benches work side by side on the rows that are wanted.
func carryOut(benches []*bench, rows []fault, results []result, wanted func(fault) bool) {
	queue := make(chan int, len(rows))          // a bench may end early
	for _, early := range []bool{true, false} { // the longest ones first: the labs come to their end together
		for row, f := range rows {
			if f.first == early && wanted(f) {
				queue <- row
			}
		}
	}
	close(queue)
	var working sync.WaitGroup
	for _, b := range benches {
		working.Go(func() {
			defer func() { // the labs must go, whatever is wrong with a row
				if r := recover(); r != nil {
					b.t.Errorf("%v\n%s", r, debug.Stack())
				}
			}()
			for row := range queue {
				results[row] = b.row(rows[row])
			}
		})
	}
	working.Wait()
}

// row carries out all trials of a fault.
func (b *bench) row(f fault) result {
	r := result{fault: f}
	seed := number("FAULTS_SEED", 1)
	began := time.Now()
	for k := range f.count {
		if only := number("FAULTS_TRIAL", k); only != k {
			continue
		}
		name := fmt.Sprintf("%s/%d", f.id, k)
		t := &trial{
			bench: b, name: name, k: k, at: (float64(k) + 0.5) / float64(f.count),
			rng: rand.New(rand.NewPCG(uint64(seed), uint64(k)<<32|uint64(crc32.ChecksumIEEE([]byte(f.id))))),
		}
		t.carryOut(f)
		r.trials++
		r.settled, r.proven = max(r.settled, t.settled), r.proven+t.proven
		if len(t.problems) == 0 {
			r.passed++
			b.t.Logf("ok %s %s (%.1f s, settled in %.1f s)", name, t.note, t.took.Seconds(), t.settled.Seconds())
			continue
		}
		r.violations = append(r.violations, fmt.Sprintf("%s: %s\n  %s", name, t.note, strings.Join(t.problems, "\n  ")))
		b.t.Errorf("VIOLATION %s (%s) FAULTS_SEED=%d: %s\n  %s\n%s", name, f.name, seed, t.note, strings.Join(t.problems, "\n  "), t.said())
		b.tell()
		b.rebuild()
	}
	r.took = time.Since(began)
	return r
}

// tell logs what the daemons of a lab said: it is gone when the lab is rebuilt.
func (b *bench) tell() {
	for _, n := range machines.Nodes {
		said, err := b.On(n, "journalctl --no-pager -o short-precise -u keepalived -u haproxy -n 80; cat /proc/loadavg")
		if err != nil {
			said = err.Error()
		}
		b.t.Logf("node %s:\n%s", n, said)
	}
}
