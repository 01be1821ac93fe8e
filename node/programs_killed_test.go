package node

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node/programtest"
)

// scenario is a change that is made of a node.
type scenario struct {
	name   string
	node   func(t *testing.T, shell string) operator
	change change
}

var scenarios = []scenario{{"first", freshNode, first}, {"second", afterFirst, second}}

// stages are the states of a node before each program of a change, by its name.
type stages struct {
	sync.Once
	txn    string
	states map[string]programtest.Tree
}

var allStages sync.Map // of *stages, by scenario and shell

// stages carries the change out, once for all tests.
func (c scenario) stages(t *testing.T, shell string) *stages {
	t.Helper()
	found, _ := allStages.LoadOrStore(c.name+"/"+shell, &stages{})
	out, _ := found.(*stages)
	out.Do(func() {
		o := c.node(t, shell)
		out.txn, out.states = o.txn, map[string]programtest.Tree{}
		for _, s := range o.steps(c.change) {
			out.states[s.name] = o.node.Tree()
			if a := s.run(); !a.Done() {
				t.Fatalf("%s: %s", s.name, a)
			}
		}
	})
	return out
}

// before makes a node on which the programs of a change have run up to the named
// one, which has not.
func (c scenario) before(t *testing.T, shell, name string) operator {
	t.Helper()
	prepared := c.stages(t, shell)
	o := operator{node: programtest.New(t, shell), txn: prepared.txn}
	o.node.Reset(prepared.states[name])
	return o
}

// sweeps calls test for every program of two changes, with a node that has come
// as far as that, and the state before the change. Each change is made under one
// of the shells.
func sweeps(t *testing.T, turn int, test func(t *testing.T, o operator, before programState, s programStep)) {
	t.Helper()
	for i, c := range scenarios {
		c.sweep(t, i+turn, test)
	}
}

func (c scenario) sweep(t *testing.T, turn int, test func(t *testing.T, o operator, before programState, s programStep)) {
	t.Helper()
	for k, s := range (operator{}).steps(c.change) {
		alternately(t, turn, c.name+"/"+s.name, func(t *testing.T, shell string) {
			t.Helper()
			before := stateIn(c.stages(t, shell).states["stage"])
			o := c.before(t, shell, s.name)
			test(t, o, before, o.steps(c.change)[k])
		})
	}
}

const bootLink = "/etc/systemd/system/multi-user.target.wants/kplb-restore-boot.service"

// after is the state that a program leaves when nothing happens to it.
func (o operator) after(t *testing.T, run func() programtest.Answer) programState {
	t.Helper()
	from := o.node.Tree()
	if a := run(); !a.Done() {
		t.Fatalf("undisturbed: %s", a)
	}
	defer o.node.Reset(from)
	return stateOf(o.node)
}

// possible are the ways back that there are now.
func (o operator) possible(more ...wayBack) []wayBack {
	var out []wayBack
	for _, w := range append(o.ways(), more...) {
		if w.possible() {
			out = append(out, w)
		}
	}
	return out
}

// chosen are those of them that are tried after a kill: one, a different one each
// time.
func (o operator) chosen(command string) []wayBack {
	out := o.possible()
	if everything() {
		return out
	}
	number, _, _ := strings.Cut(command, " ")
	at, _ := strconv.Atoi(number) // Sweep numbers them
	return []wayBack{out[at%len(out)]}
}

// TestProgramsKilled kills each program of a change before each of its commands.
// Whoever takes the change back then finds a node that is as it was before; and
// one that has been confirmed is confirmed whole.
func TestProgramsKilled(t *testing.T) {
	t.Parallel()
	sweeps(t, 0, func(t *testing.T, o operator, before programState, s programStep) {
		after := o.after(t, s.run)
		again := wayBack{"by confirming again", func() bool { return true }, func(t *testing.T) {
			t.Helper()
			if a := s.run(); !a.Done() {
				t.Errorf("again: %s", a)
			}
		}}
		o.node.Sweep(t, programtest.Kill, s.run, func(t *testing.T, command string, a programtest.Answer) {
			if !a.Killed() {
				t.Errorf("not killed: %s", a)
			}
			left, confirmed := o.node.Tree(), s.name == "confirm" && !o.node.Exists(basePath+"/pending")
			same(t, "kubelet sees one manifest", len(left.Below(filepath.Dir(kubeadm.ManifestPath)).Files()), 1)
			ways := o.chosen(command)
			switch s.name { // what is armed and what is confirmed is in their hands
			case "transact":
				ways = o.possible()
			case "confirm":
				ways = o.possible(again)
			}
			for _, w := range ways {
				w.take(t)
				want := before
				if confirmed || w.name == again.name {
					want = after
				}
				if w.name == "at boot" && !left.Has(bootLink) { // nothing was there yet that boot could have run
					same(t, "again by its operator", o.node.Run(o.back()).Done(), true)
				}
				if confirmed && w.name == "by its operator" {
					o.node.Elapse("kplb-restore.timer") // the answer is that it is confirmed, no more
					o.node.Boot()
				}
				same(t, w.name, stateOf(o.node), want)
				o.node.Reset(left)
			}
		})
	})
}

// TestProgramsKilledOnTheWayBack kills the program that takes a change back, by
// its timer or at boot, before each of its commands: the next one brings it to its
// end. One change is taken back by the timer, the other one at boot.
func TestProgramsKilledOnTheWayBack(t *testing.T) {
	t.Parallel()
	for i, c := range scenarios {
		for j, reason := range []string{"timer", "boot"} {
			if i != j && !everything() {
				continue
			}
			alternately(t, i, c.name+"/"+reason, func(t *testing.T, shell string) {
				before := stateIn(c.stages(t, shell).states["stage"])
				o := c.before(t, shell, "confirm")
				if reason == "boot" {
					o.node.PowerOff()
				}
				o.killsTheWayBack(t, reason, before)
			})
		}
	}
}

// TestProgramsFailOnTheWayBack has each command of it fail once: at last everything
// is as it was.
func TestProgramsFailOnTheWayBack(t *testing.T) {
	t.Parallel()
	if !everything() {
		t.Skip("make programs")
	}
	for i, c := range scenarios {
		alternately(t, i, c.name, func(t *testing.T, shell string) {
			before := stateIn(c.stages(t, shell).states["stage"])
			o := c.before(t, shell, "confirm")
			back := func() programtest.Answer { return o.node.RunFile(basePath+"/restore", "timer") }
			o.node.Sweep(t, programtest.Fail, back, func(t *testing.T, _ string, _ programtest.Answer) {
				o.node.Elapse("kplb-restore.timer")
				if o.node.Exists(bootLink) {
					o.node.Boot()
				}
				same(t, "the node", stateOf(o.node), before)
			})
		})
	}
}

func (o operator) killsTheWayBack(t *testing.T, reason string, before programState) {
	t.Helper()
	back := func() programtest.Answer { return o.node.RunFile(basePath+"/restore", reason) }
	o.node.Sweep(t, programtest.Kill, back, func(t *testing.T, command string, a programtest.Answer) {
		if !a.Killed() {
			t.Errorf("not killed: %s", a)
		}
		left := o.node.Tree()
		for _, w := range o.chosen(command) {
			if reason == "boot" {
				o.node.Boot()
			} else {
				w.take(t)
			}
			same(t, w.name, stateOf(o.node), before)
			o.node.Reset(left)
		}
	})
}

// TestProgramsFail has each command of a change fail once. A program that refuses
// leaves the node as it was, at once or by the way back; one that says that it is
// done has done all. By default it tries the programs that write files.
func TestProgramsFail(t *testing.T) {
	t.Parallel()
	sweep := scenarios[0].sweep
	if everything() {
		sweep = sweeps
	}
	sweep(t, 1, func(t *testing.T, o operator, before programState, s programStep) {
		if (s.name == "stage" || s.name == "activate" || s.name == "precommit") && !everything() {
			t.Skip("make programs")
		}
		after := o.after(t, s.run)
		o.node.Sweep(t, programtest.Fail, s.run, func(t *testing.T, command string, a programtest.Answer) {
			if a.Done() && s.name == "confirm" {
				o.node.Boot() // what could not be removed goes then
			}
			if a.Done() {
				same(t, "done", stateOf(o.node), after)
				return
			}
			if a.Refused() == "" {
				t.Errorf("not a word: %s", a)
			}
			for name := range o.node.Tree() {
				if strings.Contains(name, "/.kplb-") {
					t.Errorf("%s is left", name)
				}
			}
			if s.name == "stage" || s.name == "transact" {
				o.node.Run(o.back()) // of what was staged
				same(t, "refused", stateOf(o.node), before)
				return
			}
			w := o.chosen(command)[0]
			w.take(t)
			same(t, w.name, stateOf(o.node), before)
		})
	})
}
