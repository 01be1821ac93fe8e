//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// trial is one fault, injected once.
type trial struct {
	*bench
	name string
	k    int
	at   float64 // where in the rollout, between 0 and 1
	rng  *rand.Rand

	from, to *generation
	op       *operator        // the one whose verdict counts; nil: killed, or there was none
	all      []*operator      // everyone that was started, for the report
	tolerate map[string]tree  // besides from and to, what a node may come to rest as
	extra    time.Duration    // that the fault adds to the time to settle
	quick    bool             // nothing may have changed: converging is tried once in a while only
	mends    []func()         // lift the fault, the last one first
	note     string           // what exactly was injected
	proven   int              // of what the fault's figure counts
	ends     map[string]*look // what the nodes look like, settled
	took     time.Duration
	settled  time.Duration
	problems []string
}

// outlast is how long after the end of its window a node may take.
const outlast = 5 * time.Second

func (t *trial) problem(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

func (t *trial) notef(format string, args ...any) {
	t.note = strings.TrimSpace(t.note + " " + fmt.Sprintf(format, args...))
}

func (t *trial) said() string {
	var out strings.Builder
	for _, o := range t.all {
		fmt.Fprintf(&out, "  --- kplb %v ended with %d after %.1f s\n%s\n", o.args, o.code, o.ended.Sub(o.began).Seconds(), o.said())
	}
	return out.String()
}

// apply starts a rollout to t.to.
func (t *trial) apply(args ...string) *operator {
	o := t.start(append([]string{"apply", "-i", t.to.file, "--yes", "--confirm-timeout", window.String(),
		"--proof-timeout", "20s", "--connect-timeout", "3s"}, args...)...)
	t.all = append(t.all, o)
	return o
}

// harm runs a command in a node that is the fault, or a part of it: without it
// the trial would prove nothing.
func (t *trial) harm(node, command string) {
	if _, err := t.On(node, command); err != nil {
		t.problem("the fault was not injected: %v", err)
	}
}

// later lifts a fault, now or at the end of the trial at the latest.
func (t *trial) later(mend func()) { t.mends = append(t.mends, mend) }

func (t *trial) mend() {
	for _, mend := range slices.Backward(t.mends) {
		mend()
	}
	t.mends = nil
}

// moment is the trial's point of time in a calm rollout.
func (t *trial) moment() time.Duration { return time.Duration(t.at * float64(t.usual)) }

// carryOut goes through a whole trial.
func (t *trial) carryOut(f fault) {
	t.ready(f.first)
	t.from, t.to = t.now, t.a
	if t.now == t.a {
		t.to = t.b
	}
	t.tolerate = map[string]tree{}
	t.watch.judgement()
	began := time.Now()
	defer func() { t.took = time.Since(began) }()
	f.inject(t)
	t.mend()
	for _, o := range t.all {
		if o.running() {
			t.problem("kplb %v still runs after the fault", o.args)
			o.wait(0)
		}
	}
	if f.own {
		return
	}
	t.judge()
}

// judge checks I1 to I9.
func (t *trial) judge() {
	settled := t.settle()
	t.problems = append(t.problems, t.watch.judgement()...) // from here on nobody is excused
	if !settled {
		return
	}
	ends := t.generations()
	t.oneHolder()
	t.verdict(ends)
	t.told()
	if t.quick && t.k%8 != 0 && !slices.Contains(ends, t.to) {
		return
	}
	t.converge()
	t.problems = append(t.problems, t.watch.judgement()...)
}

// settle waits until nothing goes on on any node, and wants no trace of a
// rollout then (I6).
func (t *trial) settle() bool {
	over := time.Now()
	deadline := over.Add(window + outlast + t.extra)
	for {
		busy := t.waiting()
		if len(busy) == 0 {
			busy = append(t.lookAround(), t.watch.down()...)
		}
		t.settled = time.Since(over)
		if len(busy) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.problem("I6: not settled after %.0f s: %s", t.settled.Seconds(), strings.Join(busy, "; "))
			return false
		}
		time.Sleep(200 * time.Millisecond)
	}
	if t.anythingLeft() { // what is just being removed
		time.Sleep(time.Second)
		t.lookAround()
	}
	for _, n := range machines.Nodes {
		for _, what := range t.ends[n].left {
			t.problem("I6: node %s: %s is left", n, what)
		}
	}
	return true
}

// waiting are the nodes with a change that waits for its time, seen without a
// process: looking around takes thirty on each node, for which the way back, whose
// time counts, has to wait.
func (t *trial) waiting() []string {
	var out []string
	for _, n := range machines.Nodes {
		init, err := t.Init(n)
		if err != nil {
			continue // looked at more closely
		}
		if _, err := os.Stat(filepath.Join("/proc", init, "root/var/lib/kplb/pending")); err == nil {
			out = append(out, "node "+n+": pending")
		}
	}
	return out
}

func (t *trial) anythingLeft() bool {
	return slices.ContainsFunc(machines.Nodes, func(n string) bool { return len(t.ends[n].left) > 0 })
}

// lookAround looks at all nodes at once, and says what still goes on.
func (t *trial) lookAround() []string {
	type seen struct {
		node string
		look *look
		err  error
	}
	answers := make(chan seen)
	for _, n := range machines.Nodes {
		go func() {
			l, err := t.look(n)
			answers <- seen{n, l, err}
		}()
	}
	t.ends = map[string]*look{}
	var busy []string
	for range machines.Nodes {
		s := <-answers
		if s.err != nil {
			busy = append(busy, s.err.Error())
			continue
		}
		t.ends[s.node] = s.look
		if len(s.look.busy) > 0 {
			busy = append(busy, "node "+s.node+": "+strings.Join(s.look.busy, ", "))
		}
	}
	return busy
}

// generations finds out which generation each node has come to rest on: its
// files (I1, I2), and what its daemons run.
func (t *trial) generations() []*generation {
	out := make([]*generation, len(machines.Nodes))
	for i, n := range machines.Nodes {
		l := t.ends[n]
		oldDiff, newDiff := l.files.against(t.from.trees[n]), l.files.against(t.to.trees[n])
		switch tolerated, ok := t.tolerate[n]; {
		case len(oldDiff) == 0:
			out[i] = t.from
		case len(newDiff) == 0:
			out[i] = t.to
		case ok && len(l.files.against(tolerated)) == 0:
			continue
		default:
			t.problem("I1/I2: node %s is neither %s nor %s:\n    not %s: %s\n    not %s: %s", n, t.from.name, t.to.name,
				t.from.name, strings.Join(oldDiff, "\n      "), t.to.name, strings.Join(newDiff, "\n      "))
			continue
		}
		t.runs(n, out[i])
	}
	return out
}

// runs checks that the daemons of a node have the generation's files loaded.
func (t *trial) runs(n string, g *generation) {
	l := t.ends[n]
	if g == t.none {
		if l.facts["haproxy"] == "active" && len(l.monitors) > 0 || l.facts["keepalived"] == "active" || l.facts["nonlocal_bind"] != "0" {
			t.problem("I2: node %s has the files from before kplb, and %v, monitors %v", n, l.facts, l.monitors)
		}
		return
	}
	for deadline := time.Now().Add(3 * time.Second); !slices.Equal(l.monitors, []string{g.monitor}); {
		if time.Now().After(deadline) {
			t.problem("I2: node %s has the files of %s, and its haproxy answers on %v", n, g.name, l.monitors)
			break
		}
		time.Sleep(200 * time.Millisecond)
		if again, err := t.look(n); err == nil {
			l = again
		}
	}
	if l.facts["haproxy"] != "active" || l.facts["keepalived"] != "active" || l.facts["nonlocal_bind"] != "1" {
		t.problem("I2: node %s: %v", n, l.facts)
	}
	if said := t.advert(n); said != g.advert {
		t.problem("I2: node %s has the files of %s, and its keepalived sends adverts every %q", n, g.name, said)
	}
}

// advert asks keepalived itself.
func (b *bench) advert(n string) string {
	return strings.TrimSpace(b.on(n, `rm -f /tmp/keepalived*.data
		kill -USR1 $(systemctl show --value -p MainPID keepalived) || exit 0
		for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; grep -q 'Advert interval' /tmp/keepalived.data 2>/dev/null && break; done
		sed -n 's/^ *Advert interval = //p' /tmp/keepalived.data | sed 's/secs$/sec/'
		rm -f /tmp/keepalived*.data`))
}

// oneHolder is I4.
func (t *trial) oneHolder() {
	want := 1
	if t.ends["1"].facts["keepalived"] != "active" && t.ends["2"].facts["keepalived"] != "active" && t.ends["3"].facts["keepalived"] != "active" {
		want = 0
	}
	var holders []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if holders = t.Holders(vip); len(holders) == want {
			return
		}
	}
	t.problem("I4: %d nodes hold the VIP 5 s after everything has settled: %v", len(holders), holders)
}

// told wants the next status to say what a node has done by itself.
func (t *trial) told() {
	for _, n := range machines.Nodes {
		reason := t.ends[n].facts["restored"]
		if reason != "timer" && reason != "boot" {
			continue
		}
		o := t.start("status", "-i", t.to.file) // before kplb there is no inventory
		o.wait(time.Minute)
		if !strings.Contains(o.all(), nodeName(n)+": a change (") {
			t.problem("I5: node %s has taken the change back by itself (%s), and kplb status does not say so:\n%s", n, reason, o.all())
		}
		return
	}
}

// agree is I9: a generation is the cluster's, so every node has the same number and the
// same record of it.
func (t *trial) agree() {
	said := map[string][]string{}
	for _, n := range machines.Nodes {
		if l := t.ends[n]; l != nil {
			said[l.facts["generation"]] = append(said[l.facts["generation"]], n)
		}
	}
	if len(said) > 1 || len(said[""]) > 0 {
		t.problem("I9: the nodes do not agree on the generation: %v", said)
	}
}

// converge is I8: the same apply again, with nothing done by hand.
func (t *trial) converge() {
	again := t.start("apply", "-i", t.to.file, "--yes")
	t.all = append(t.all, again)
	code := again.wait(4 * time.Minute)
	if code != 0 {
		t.problem("I8: the same apply again ends with %d", code)
		return
	}
	diff := t.start("diff", "-i", t.to.file)
	if code := diff.wait(time.Minute); code != 0 {
		t.problem("I8: kplb diff ends with %d after an apply:\n%s", code, diff.all())
	}
	t.lookAround()
	for _, n := range machines.Nodes {
		if l := t.ends[n]; l == nil {
			t.problem("I8: node %s cannot be looked at", n)
		} else if d := l.files.against(t.to.trees[n]); len(d) > 0 {
			t.problem("I8: node %s is not %s after another apply: %s", n, t.to.name, strings.Join(d, "\n      "))
		}
	}
	t.agree()
	t.now = t.to
	if took := again.ended.Sub(again.began); strings.Contains(again.said(), "confirming") { // the sweeps keep to the pace of the machine
		t.usual = (t.usual + took) / 2
	}
}
