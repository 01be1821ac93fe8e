//go:build faults

package faults

import (
	"strings"
	"syscall"
	"time"
)

// secondCommand is one that changes nodes, of an operator who comes second.
type secondCommand struct{ line, file string }

// secondCommands are all of them, but for unlock. Those with a file want what the first
// operator does not want.
func (t *trial) secondCommands() []secondCommand {
	return []secondCommand{
		{"confirm", t.to.file}, {"rollback --yes", t.to.file}, {"rollback --yes --to 1", t.to.file}, {"remove --yes", t.to.file},
		{"apply --yes", t.to.file}, {"apply --yes", t.from.file}, {"apply --yes --wait", t.from.file}, {"apply --dry-run", t.from.file},
		{"drill --yes --fault haproxy-stopped --for 2s", t.to.file},
	}
}

// steps are what the first operator says when the second one begins: while it stages and
// changes the first node, the second, the last, while it proves, and while it confirms.
var steps = []string{"installing files", "kubernetes-node-1: changed", "kubernetes-node-2: changed", "kubernetes-node-3: changed", "proving", "confirming over new connections"}

func secondFaults() []fault {
	return []fault{
		{id: "F4a", name: "a second operator with every command at every step of the first one's apply", count: 9 * len(steps), fast: 3, inject: second},
		{id: "F4b", name: "the same, while the first one is frozen for a while", count: 9, fast: 1, inject: secondWhileFrozen},
		{id: "F4c", name: "three others at once, each again and again, during one apply", count: 4, fast: 1, inject: secondCrowd},
		{id: "F4d", name: "the change was left with --wait: another one confirms it, takes it back, or wants to apply first", count: 6, fast: 1, inject: secondAfterWait},
		{id: "F4e", name: "the first one is killed (-9) with its change in place: another one takes it back", count: 4, fast: 1, inject: secondAfterKill},
		{id: "F4f", name: "the lock is taken away from an apply, and another one takes its change back", count: 6, inject: secondByForce},
		{id: "F4g", name: "frozen until the lock is gone, another one takes the change back, and the first one wakes up", count: 3, inject: secondBeforeWaking},
	}
}

// other starts a second operator's command.
func (t *trial) other(line, file string) *operator {
	o := t.start(append(strings.Fields(line), "-i", file, "--connect-timeout", "3s")...)
	t.all = append(t.all, o)
	return o
}

// isLockedOut wants an operator to have heard of the other one, and of no way around it.
// One that came to its end after the first one has nothing to prove.
func (t *trial) isLockedOut(o, first *operator) {
	o.wait(patience)
	switch {
	case o.code == 3 && strings.Contains(o.all(), "locked by "):
	case !first.running() && first.ended.Before(o.ended):
		t.notef("(%s came too late)", o.args[0])
		return
	default:
		t.problem("F4: kplb %v ended with %d, and does not say who is at work", o.args, o.code)
	}
	if contains(o.all(), "kplb confirm", "kplb rollback") {
		t.problem("F4: kplb %v tells of kplb confirm or kplb rollback while another operator is at work", o.args)
	}
}

// isAlone wants the first operator to have ended as if nobody else had been there.
func (t *trial) isAlone(first *operator) {
	first.wait(patience)
	t.op = first
	t.wants(0)
	if strings.Contains(first.all(), "stopped:") {
		t.problem("F4: the first operator says that it was stopped")
	}
}

func second(t *trial) {
	commands := t.secondCommands()
	c, step := commands[t.k%len(commands)], steps[t.k/len(commands)%len(steps)]
	first := t.apply()
	first.hears(step)
	o := t.other(c.line, c.file)
	t.isLockedOut(o, first)
	late := !first.running() && first.ended.Before(o.ended)
	t.notef("kplb %s at %q, ended with %d", c.line, step, o.code)
	if late && o.code == 0 && !contains(c.line, "confirm", "dry-run") { // it was the next one, and did what it was told to
		first.wait(patience)
		t.tolerateAll(t.none)
		return
	}
	t.isAlone(first)
}

// tolerateAll lets every node come to rest on this generation, too.
func (t *trial) tolerateAll(g *generation) {
	for n, files := range g.trees {
		t.tolerate[n] = files
	}
}

func secondWhileFrozen(t *trial) {
	c := t.secondCommands()[t.k%9]
	first := t.apply("--confirm-timeout", "1m")
	first.hears(steps[t.k%4])
	first.signal(syscall.SIGSTOP)
	t.later(func() { first.signal(syscall.SIGCONT) })
	o := t.other(c.line, c.file)
	o.wait(patience)
	if o.code != 3 || !strings.Contains(o.all(), "locked by ") {
		t.problem("F4: kplb %s ended with %d while the first operator is frozen", c.line, o.code)
	}
	t.mend()
	t.isAlone(first)
	t.notef("kplb %s", c.line)
}

func secondCrowd(t *trial) {
	first := t.apply()
	first.hears("installing files")
	tried := 0
	for first.running() {
		// those that do no harm if they come too late
		for _, o := range []*operator{t.other("confirm", t.to.file), t.other("apply --dry-run", t.to.file), t.other("status", t.to.file)} {
			o.wait(patience)
			tried++
		}
	}
	t.isAlone(first)
	t.notef("%d commands", tried)
}

func secondAfterWait(t *trial) {
	first := t.apply("--wait", "--confirm-timeout", "1m")
	first.hears("waiting for `kplb confirm`")
	line := []string{"confirm", "rollback --yes"}[t.k%2]
	if t.k%3 == 0 {
		o := t.other("apply --yes", t.from.file)
		if o.wait(patience); o.code != 3 || !contains(o.all(), "a change is awaiting confirmation") {
			t.problem("F4: another apply ended with %d while a change waits", o.code)
		}
	}
	o := t.other(line, t.to.file)
	if o.wait(patience); o.code != 0 {
		t.problem("F4: kplb %s of a change that was left to others ended with %d", line, o.code)
	}
	first.wait(patience)
	t.op = first
	t.wants([]int{0, 3}[t.k%2])
	t.notef("kplb %s", line)
}

func secondAfterKill(t *trial) {
	t.extra = 50 * time.Second // the window of this change
	first := t.apply("--confirm-timeout", "1m")
	first.hears(steps[1+t.k%4])
	first.signal(syscall.SIGKILL)
	first.wait(patience)
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		o := t.other("rollback --yes", t.to.file)
		if o.wait(patience); o.code == 0 {
			t.notef("taken back %.1f s after the first one was killed", time.Since(began).Seconds())
			break
		}
		if !strings.Contains(o.all(), "locked by ") || time.Since(began) > 25*time.Second {
			t.problem("F4: the change of an operator who was killed is not taken back: %d", o.code)
			break
		}
	}
	// a node that the first one had not reached yet has nothing to restore
	t.areOld("F4", func(reason string) bool { return reason == "" || strings.HasPrefix(reason, "asked for by ") })
}

// secondByForce wants the first operator to say what its nodes are, whatever was done to it.
func secondByForce(t *trial) {
	t.extra = 20 * time.Second
	first := t.apply()
	first.hears(steps[t.k%4])
	t.other("unlock", t.to.file).wait(patience)
	o := t.other("rollback --yes", t.to.file)
	o.wait(patience)
	first.wait(patience)
	t.notef("the first one ended with %d, the second one with %d", first.code, o.code)
	if first.ended.After(o.ended) || o.code != 0 {
		t.op = first
	}
}

func secondBeforeWaking(t *trial) {
	t.extra = 50 * time.Second
	first := t.apply("--confirm-timeout", "1m")
	first.hears(steps[1+t.k%3])
	first.signal(syscall.SIGSTOP)
	t.later(func() { first.signal(syscall.SIGKILL) })
	frozen := time.Now()
	for ; ; time.Sleep(500 * time.Millisecond) {
		o := t.other("rollback --yes", t.to.file)
		if o.wait(patience); o.code == 0 {
			break
		}
		if !strings.Contains(o.all(), "locked by ") || time.Since(frozen) > 40*time.Second {
			t.problem("F4: the change of a frozen operator is not taken back: %d", o.code)
			break
		}
	}
	t.notef("taken back %.1f s after the first one froze", time.Since(frozen).Seconds())
	first.signal(syscall.SIGCONT)
	first.wait(patience)
	t.op = first
	t.wants(3)
}
