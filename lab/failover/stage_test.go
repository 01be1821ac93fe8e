//go:build failover

package failover

import (
	"cmp"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

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
	t         *testing.T
	root, dir string
	kplb      string
	results   string
	labs      sync.Map // name -> its machines.Lab, while there is one
	inside    string   // the test that measures inside
	over      atomic.Bool
}

func newStage(t *testing.T, inside string) *stage {
	s := &stage{t: t, root: rootOf(t), dir: t.TempDir(), inside: inside}
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
	cmd := exec.Command("nsenter", "--net=/run/netns/"+lab.Name+"-operator", self,
		"-test.run=^"+s.inside+"$", "-test.v", "-test.timeout="+childTimeout)
	cmd.Env = append(os.Environ(), insideLab+"="+lab.Name, insideOf+"="+c.name, insideMust+"="+inventory,
		"FAILOVER_KPLB="+s.kplb, "FAILOVER_RESULTS="+s.results, "TZ=UTC")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it is of no use alone
	runtime.LockOSThread()                                             // which is what that signal is tied to
	defer runtime.UnlockOSThread()
	_ = cmd.Run() // its code says how it went
	return cmd.ProcessState.ExitCode()
}
