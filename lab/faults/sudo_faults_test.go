//go:build faults

package faults

import (
	"strings"
	"time"
)

// refusal is one way in which sudo stops letting the login in.
type refusal struct{ what, do, undo string }

var refusals = []refusal{
	{"wants a password", "mv /etc/sudoers.d/pi /root/pi.sudoers", "mv /root/pi.sudoers /etc/sudoers.d/pi"},
	{"denies", "(umask 337 && echo 'pi ALL=(ALL) !ALL' >/etc/sudoers.d/zz-fault)", "rm -f /etc/sudoers.d/zz-fault"},
	{"wants a terminal", "(umask 337 && echo 'Defaults:pi requiretty' >/etc/sudoers.d/zz-fault)", "rm -f /etc/sudoers.d/zz-fault"},
}

func sudoFaults() []fault {
	return []fault{
		{id: "J1", name: "sudo on a node stops letting the login in, swept over the clock", count: 9, fast: 1, inject: lostSudo},
		{id: "J2", name: "the same, from the start", count: 3, fast: 1, inject: noSudo},
	}
}

// cured wants kplb to name the node, and what is to be written into sudoers.
func (t *trial) cured(node string) {
	named := false
	for _, line := range t.op.lines() {
		named = named || strings.Contains(line, nodeName(node)) && strings.Contains(line, "sudo")
	}
	if !named {
		t.problem("J: kplb does not say that it is sudo on node %s", node)
	}
	if !strings.Contains(t.op.all(), "hint: ") || !strings.Contains(t.op.all(), "sudoers") {
		t.problem("J: kplb does not say what to do about sudo")
	}
}

func lostSudo(t *trial) {
	node, r := nodeNumber(t.k/len(refusals)), refusals[t.k%len(refusals)]
	o := t.apply()
	time.Sleep(t.moment())
	t.harm(node, r.do)
	t.later(func() { t.on(node, r.undo) })
	lost := time.Now()
	o.wait(patience)
	t.op = o
	t.notef("node %s: sudo %s after %.2f s, kplb ended with %d", node, r.what, t.moment().Seconds(), o.code)
	t.wants(0, 3, 4)
	if o.code != 0 {
		t.cured(node)
	}
	if o.code == 4 { // the node takes it back although nobody is let in
		time.Sleep(time.Until(lost.Add(window + outlast)))
	}
}

func noSudo(t *trial) {
	t.quick = true
	node, r := nodeNumber(t.k), refusals[t.k%len(refusals)]
	t.harm(node, r.do)
	t.later(func() { t.on(node, r.undo) })
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.notef("node %s: sudo %s, kplb ended with %d", node, r.what, o.code)
	t.wants(3)
	t.cured(node)
}
