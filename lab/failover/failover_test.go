//go:build failover

// Package failover breaks a control plane in ten ways, many times each, in
// labs of stand-in nodes (see lab/help.txt), and measures what clients of the
// VIP notice: kplb's profiles beside what people set up by hand. See
// docs/failover.md.
//
//	FAILOVER_CONFIGURATIONS=default,tutorial   only these
//	FAILOVER_FAULTS=link-cut,power-off         only these
//	FAILOVER_RUNS=30          of each fault
//	FAILOVER_POWER_RUNS=10    of power-off, which takes the longest; FAILOVER_RUNS if it is not said
//	FAILOVER_HAND_RUNS=10     on what is set up by hand, where most faults last long; likewise
//	FAILOVER_LABS=2           labs that work side by side
//	FAILOVER_NAME=failover    what the labs are called, before their number
//	FAILOVER_RESULTS=FILE     one JSON line for each run; what is in there is not done again
//	FAILOVER_TABLE=FILE       where the table goes, beside the log
//	FAILOVER_KPLB=FILE        the kplb to measure; bin/kplb if it is not said
package failover

import (
	"cmp"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// What the process that measures is told, which is this program again.
const (
	insideLab    = "FAILOVER_INSIDE"
	insideOf     = "FAILOVER_CONFIGURATION"
	insideMust   = "FAILOVER_INVENTORY"
	wantsNewLab  = 3 // its exit code: something did not come to rest
	attempts     = 4 // labs that a configuration may use up
	childTimeout = "6h"
)

// list is a comma-separated variable.
func list(name, otherwise string) []string {
	return strings.FieldsFunc(cmp.Or(os.Getenv(name), otherwise), func(r rune) bool { return r == ',' || r == ' ' })
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func rootOf(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// stage is what all labs of a run have in common.
type stage struct {
	t          *testing.T
	root, dir  string
	kplb       string
	results    string
	labs       sync.Map // name -> its machines.Lab, while there is one
	production string   // the test that measures inside
	over       atomic.Bool
}

func newStage(t *testing.T, inside string) *stage {
	s := &stage{t: t, root: rootOf(t), dir: t.TempDir(), production: inside}
	// others may build bin/kplb anew meanwhile
	s.kplb = filepath.Join(s.dir, "kplb")
	from := cmp.Or(os.Getenv("FAILOVER_KPLB"), filepath.Join(s.root, "bin/kplb"))
	if out, err := exec.CommandContext(t.Context(), "cp", from, s.kplb).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s (make build)", err, out)
	}
	s.results = cmp.Or(os.Getenv("FAILOVER_RESULTS"), filepath.Join(s.dir, "results.jsonl"))
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() { // the labs must go then, too; what runs in them fails from there on
		<-interrupted
		s.over.Store(true)
		s.labs.Range(func(_, lab any) bool {
			_, _ = lab.(machines.Lab).Verb("down") // it says why itself
			return true
		})
		os.Exit(130) // and with it what measures
	}()
	return s
}

// lab makes one of its own for a while.
func (s *stage) lab(name string, during func(machines.Lab)) {
	lab := machines.Lab{Name: name, Root: s.root}
	if s.over.Load() {
		return
	}
	s.labs.Store(name, lab)
	defer func() {
		if _, err := lab.Verb("down"); err != nil {
			s.t.Error(err)
		}
		s.labs.Delete(name)
	}()
	for _, verb := range []string{"down", "up"} {
		if out, err := lab.Verb(verb); err != nil {
			s.t.Errorf("%v\n%s", err, out)
			return
		}
	}
	during(lab)
}

// measure has this program measure in the operator's network, and gives its
// exit code.
func (s *stage) measure(lab machines.Lab, c configuration, inventory string) int {
	self, err := os.Executable()
	if err != nil {
		s.t.Error(err)
		return -1
	}
	// not `ip netns exec`, which hides the control groups: a node that is powered on needs them
	cmd := exec.Command("nsenter", "--net=/run/netns/"+lab.Name+"-operator", self, //nolint:noctx // it has a limit of its own
		"-test.run=^"+s.production+"$", "-test.v", "-test.timeout="+childTimeout)
	cmd.Env = append(os.Environ(), insideLab+"="+lab.Name, insideOf+"="+c.name, insideMust+"="+inventory,
		"FAILOVER_KPLB="+s.kplb, "FAILOVER_RESULTS="+s.results, "TZ=UTC")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it is of no use alone
	runtime.LockOSThread()                                             // which is what that signal is tied to
	defer runtime.UnlockOSThread()
	_ = cmd.Run() // its code says how it went
	return cmd.ProcessState.ExitCode()
}

// TestReport measures every configuration in a lab of its own, some at a time.
func TestReport(t *testing.T) {
	if os.Getenv(insideLab) != "" {
		t.Skip("this process measures")
	}
	s := newStage(t, "TestInside")
	began := time.Now()
	queue := make(chan configuration, len(configurations))
	for _, name := range list("FAILOVER_CONFIGURATIONS", allConfigurations()) {
		c, known := configurationNamed(name)
		if !known {
			t.Fatalf("configuration %q is not known; there are %s", name, allConfigurations())
		}
		queue <- c
	}
	close(queue)
	var workers sync.WaitGroup
	for i := range number("FAILOVER_LABS", 2) {
		workers.Go(func() {
			for c := range queue {
				s.configuration(c, cmp.Or(os.Getenv("FAILOVER_NAME"), "failover")+"-"+strconv.Itoa(i+1))
			}
		})
	}
	workers.Wait()
	runs, err := readRuns(s.results)
	if err != nil {
		t.Fatal(err)
	}
	table := render(runs, commandOf("drill-report"), time.Since(began))
	t.Log("\n" + table)
	if file := os.Getenv("FAILOVER_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// configuration is measured in as many labs as it takes: one, if all goes well.
func (s *stage) configuration(c configuration, labName string) {
	inventory, ok := c.inventory(s)
	if !ok {
		return
	}
	for range attempts {
		if runs, err := readRuns(s.results); err == nil && len(missing(runs, c.name)) == 0 {
			return // all of it is there
		}
		again := false
		s.lab(labName, func(lab machines.Lab) {
			switch code := s.measure(lab, c, inventory); code {
			case 0:
			case wantsNewLab:
				again = true
			default:
				s.t.Errorf("%s: what measures it has ended with %d", c.name, code)
			}
		})
		if !again {
			return
		}
		s.t.Logf("%s goes on in a new lab", c.name)
	}
	s.t.Errorf("%s: did not come to rest in %d labs", c.name, attempts)
}

// commandOf says what a table comes from, with what was asked for.
func commandOf(target string) string {
	var words []string
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		if (strings.HasPrefix(name, "FAILOVER_") || strings.HasPrefix(name, "BUSY_")) &&
			!strings.HasSuffix(name, "_TABLE") && !strings.HasSuffix(name, "_RESULTS") && !strings.HasSuffix(name, "_NAME") && !strings.HasSuffix(name, "_KPLB") {
			words = append(words, name+"='"+value+"'")
		}
	}
	return strings.Join(append(words, "make "+target), " ")
}
