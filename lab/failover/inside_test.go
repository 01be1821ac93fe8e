//go:build failover

package failover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/kplb/kplb/lab/machines"
)

// theLab is the one that this process has been started in.
func theLab(t *testing.T) (machines.Lab, configuration) {
	t.Helper()
	if os.Getenv(insideLab) == "" {
		t.Skip("not in a lab: make drill-report")
	}
	c, known := configurationNamed(os.Getenv(insideOf))
	if !known {
		t.Fatalf("configuration %q is not known", os.Getenv(insideOf))
	}
	return machines.Lab{Name: os.Getenv(insideLab), Root: rootOf(t)}, c
}

// TestInside configures a new lab and carries out what is missing, a line of
// the results for each run. What does not come to rest wants a new lab.
func TestInside(t *testing.T) {
	lab, c := theLab(t)
	f, err := newField(lab, c)
	if err == nil {
		err = f.setUp(os.Getenv(insideMust))
	}
	if err != nil {
		t.Fatal(err)
	}
	file := os.Getenv("FAILOVER_RESULTS")
	runs, err := readRuns(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range missing(runs, c.name) {
		for k := m.have; k < m.want; k++ {
			r, err := f.try(m.fault, k)
			if err == nil {
				t.Log(r)
				err = keep(file, r)
			}
			if err != nil {
				t.Logf("%s %s %d: %v", c.name, m.fault.name, k, err)
				os.Exit(wantsNewLab)
			}
		}
	}
}

// gap is what is left to do of a fault.
type gap struct {
	fault      *fault
	have, want int
}

func (g gap) String() string { return fmt.Sprintf("%s %d of %d", g.fault.name, g.have, g.want) }

// missing are the faults that have been asked for and are not there, in the
// order in which they are carried out.
func missing(runs []*run, configuration string) []gap {
	have := map[string]int{}
	for _, r := range runs {
		if r.Configuration == configuration {
			have[r.Fault]++
		}
	}
	chosen := list("FAILOVER_FAULTS", allFaults())
	var out []gap
	for _, f := range inOrder() {
		want := 0
		for _, name := range chosen {
			if name == f.name {
				want = wanted(configuration, f)
			}
		}
		if have[f.name] < want {
			out = append(out, gap{f, have[f.name], want})
		}
	}
	return out
}

func wanted(configuration string, f *fault) int {
	n := number("FAILOVER_RUNS", 30)
	if c, _ := configurationNamed(configuration); c.profile == "" {
		n = number("FAILOVER_HAND_RUNS", n)
	}
	if f.slow {
		n = min(n, number("FAILOVER_POWER_RUNS", n))
	}
	return n
}

// keep adds a run to the results.
func keep(file string, r *run) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return appendLine(file, line)
}

func appendLine(file string, line []byte) error {
	to, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = to.Write(append(line, '\n'))
	return errors.Join(err, to.Close())
}

// readRuns reads what there is; half a line, of what was broken off, is left
// out.
func readRuns(file string) ([]*run, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*run
	for line := range bytes.Lines(data) {
		r := &run{}
		if json.Unmarshal(line, r) == nil {
			out = append(out, r)
		}
	}
	return out, nil
}

// commit is what is measured.
var commit = sync.OnceValue(func() string {
	out, err := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
})
