//go:build faults

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// step is one of kplb's on a node, as tool inject tells it from the others:
// by its limit in seconds, and which one with that limit it is.
type step struct {
	limit string
	nth   int
	of    string // only calls that begin so, a regular expression; see inject
}

var (
	staging    = step{"120", 1, ""}
	installing = step{"120", 2, ""}
	reloading  = step{"120", 3, ""}
	confirming = step{"60", 1, ""}
	goingBack  = step{"180", 1, ""}
	savingOld  = step{"120", 1, "write /var/lib/kplb/stage/pending/old/index"}
	probing    = step{"120", 1, "unlinkat /etc/.*[.]kplb-probe[.][0-9]"}
)

func callFaults() []fault {
	if runtime.GOARCH != "amd64" { // tool inject knows the registers of no other
		return nil
	}
	return []fault{
		{id: "A5a", name: "k-th system call fails (EIO, ENOSPC, EROFS, EDQUOT): checking and staging", count: 20, fast: 1, inject: failingCall(staging, 0, 3)},
		{id: "A5b", name: "the same, arming and renaming", count: 24, fast: 2, inject: failingCall(installing, 0, 3)},
		{id: "A5c", name: "the same, reloading", count: 5, inject: failingCall(reloading, 0, 3)},
		{id: "A5d", name: "the same, confirming", count: 16, fast: 1, inject: failingCall(confirming, 0, 3, 4)},
		{id: "A5e", name: "the same, taking it back for an operator", count: 8, inject: failingBack},
		{id: "A5f", name: "killed at the k-th system call, checking and staging", count: 8, inject: killedCall(staging, 0, 3)},
		{id: "A5g", name: "the same, arming and renaming", count: 12, fast: 1, inject: killedCall(installing, 0, 3)},
		{id: "A5h", name: "the same, confirming", count: 6, inject: killedCall(confirming, 0, 3, 4)},
		{id: "A5i", name: "a write fails while what there was is listed, and the operator is killed after the change", count: 9, inject: failingSave},
		{id: "A5j", name: "the file that a directory was tried with is not removed at once", count: 6, fast: 1, inject: failingCall(probing, 0, 3)},
		{id: "A5k", name: "killed before it is removed", count: 6, inject: killedCall(probing, 0, 3)},
	}
}

// errnos are what a bad, full, sealed or limited disk answers.
var errnos = []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EDQUOT}

// tool builds lab/faults/inject once.
var tool = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kplb-inject")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "inject")
	build := exec.Command("go", "build", "-trimpath", "-o", file, "./inject")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return file, nil
})

// plant has a step on a node meet a fault at its k-th system call; 0 only
// counts them.
func (t *trial) plant(node string, s step, k int, what string) {
	file, err := tool()
	if err != nil {
		t.t.Fatal(err)
	}
	if err := t.Put(node, file, "/usr/local/sbin/timeout", 0o755); err != nil {
		t.problem("the fault was not injected: %v", err)
	}
	t.harm(node, fmt.Sprintf("rm -f /run/fault.*; echo '%s %d %d %s %s' >/run/fault.plan", s.limit, s.nth, k, what, s.of))
	t.later(func() { t.on(node, "rm -f /usr/local/sbin/timeout /run/fault.*") })
}

// planted is what became of it: how many calls there were, and which one it
// was.
func (t *trial) planted(node string) (calls int, hit string) {
	_, _ = fmt.Sscan(t.on(node, "cat /run/fault.done 2>/dev/null"), &calls) // a step that never ran has none
	_, hit, _ = strings.Cut(t.on(node, "cat /run/fault.done 2>/dev/null"), " ")
	return calls, strings.TrimSpace(hit)
}

// callsOf counts the calls of a step that nothing disturbs, once for a lab.
func (t *trial) callsOf(s step, node string, run func()) int {
	if t.calls == nil {
		t.calls = map[step]int{}
	}
	if t.calls[s] == 0 {
		t.plant(node, s, 0, "0")
		run()
		t.calls[s], _ = t.planted(node)
		t.mend()
	}
	if t.calls[s] == 0 {
		t.problem("the fault was not injected: there is no step %v any more", s)
	}
	return max(1, t.calls[s])
}

// forthAndBack applies, and applies what was there before.
func (t *trial) forthAndBack() {
	t.must("apply", "-i", t.to.file, "--yes")
	t.must("apply", "-i", t.from.file, "--yes")
}

func failingCall(s step, codes ...int) func(*trial) {
	return func(t *trial) {
		errno := errnos[t.k%len(errnos)]
		t.atCall(s, strconv.Itoa(int(errno)), errno.Error(), codes)
	}
}

func killedCall(s step, codes ...int) func(*trial) {
	return func(t *trial) { t.atCall(s, "kill", "killed", codes) }
}

func (t *trial) atCall(s step, what, words string, codes []int) {
	node := nodeNumber(t.k)
	calls := t.callsOf(s, node, t.forthAndBack)
	k := 1 + int(t.at*float64(calls))
	t.plant(node, s, k, what)
	o := t.apply()
	o.wait(patience)
	t.op = o
	_, hit := t.planted(node)
	t.notef("node %s, call %d of %d: %s: %s; kplb ended with %d", node, k, calls, hit, words, o.code)
	t.wants(codes...)
}

// failingBack interrupts the operator, and has the way back fail: it must be
// tried again by the node itself.
func failingBack(t *trial) {
	node, errno := nodeNumber(t.k), errnos[t.k%len(errnos)]
	interrupted := func() *operator {
		o := t.apply()
		o.hears("proving")
		o.signal(syscall.SIGINT)
		o.wait(patience)
		return o
	}
	calls := t.callsOf(goingBack, node, func() { interrupted() })
	k := 1 + int(t.at*float64(calls))
	t.plant(node, goingBack, k, strconv.Itoa(int(errno)))
	t.op = interrupted()
	_, hit := t.planted(node)
	t.notef("node %s, call %d of %d: %s: %v; kplb ended with %d", node, k, calls, hit, errno, t.op.code)
	t.wants(130)
}

// failingSave wants the way back to be whole, or the change not to begin: the
// node goes it alone.
func failingSave(t *trial) {
	node, errno := nodeNumber(t.k), errnos[t.k%len(errnos)]
	calls := t.callsOf(savingOld, node, t.forthAndBack)
	k := 1 + int(t.at*float64(calls))
	t.plant(node, savingOld, k, strconv.Itoa(int(errno)))
	o := t.apply()
	o.hears("proving")
	o.signal(syscall.SIGKILL)
	o.wait(patience)
	if o.code != -1 { // it was stopped, as it should
		t.op = o
		t.wants(3)
	}
	_, hit := t.planted(node)
	t.notef("node %s, call %d of %d: %s: %v; kplb ended with %d", node, k, calls, hit, errno, o.code)
}
