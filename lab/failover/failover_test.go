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
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
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

// TestReport measures every configuration in a lab of its own, some at a time.
func TestReport(t *testing.T) {
	if os.Getenv(insideLab) != "" {
		t.Skip("this process measures")
	}
	for _, name := range list("FAILOVER_FAULTS", allFaults()) {
		if faultNamed(name) == nil {
			t.Fatalf("fault %q is not known; there are %s", name, allFaults())
		}
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
