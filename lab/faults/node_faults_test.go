//go:build faults

package faults

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

func nodeFaults() []fault {
	return []fault{
		{id: "A2a", name: "program of a step killed (-9) on a node", count: 18, fast: 1, inject: killStep},
		{id: "A2c", name: "what starts the steps of a node killed (-9)", count: 8, fast: 1, inject: killStarter},
		{id: "A2b", name: "program that takes a change back killed (-9)", count: 6, fast: 1, inject: killRestore},
		{id: "A3a", name: "power of a node cut, swept over the clock, back at once", count: 12, fast: 1, inject: cutPower},
		{id: "A3b", name: "power of all nodes cut inside the window", count: 6, inject: cutAllPower},
		{
			id: "C4", name: "all nodes rebooted inside the window, operator dead: 3 reboots", count: 17, fast: 1, inject: rebootAll,
			figure: "reboots inside the window had the old files back before, by the journal, haproxy and keepalived started",
		},
	}
}

// stepOf finds the shell of a step that is running on a node. The one that
// holds the lock, for half a day, is none.
func (b *bench) stepOf(node string) (all []machines.Process, pid int) {
	all, err := b.Processes(node)
	if err != nil {
		return nil, 0
	}
	for _, p := range all {
		if len(p.Args) == 6 && p.Args[0] == "timeout" && p.Args[4] == "/bin/sh" && p.Args[3] != "43200" {
			for _, child := range all {
				if child.Parent == p.PID {
					return all, child.PID
				}
			}
		}
	}
	return nil, 0
}

// killStep waits for a step on the node, and kills it somewhere in its
// middle: the shell alone, or with everything that it has started.
func killStep(t *trial) {
	node, family := nodeNumber(t.k), t.rng.IntN(2) == 0
	o := t.apply()
	time.Sleep(t.moment() * 3 / 4)
	killed := t.killStepOn(o, node, t.rng.IntN(6), func(all []machines.Process, pid int) []int {
		if family {
			return machines.Family(all, pid)
		}
		return []int{pid}
	})
	o.wait(patience)
	t.op = o
	t.notef("node %s, %d processes, kplb ended with %d", node, killed, o.code)
}

// killStarter kills what starts the steps and waits for them: the root shell
// of the connection, or sudo. The step itself goes on, or not.
func killStarter(t *trial) {
	node := nodeNumber(t.k)
	o := t.apply()
	time.Sleep(t.moment() * 3 / 4)
	what := ""
	t.killStepOn(o, node, t.rng.IntN(4), func(all []machines.Process, pid int) []int {
		for range 2 { // the step's shell, its timeout
			i := slices.IndexFunc(all, func(p machines.Process) bool { return p.PID == pid })
			if i < 0 {
				return nil
			}
			pid = all[i].Parent
		}
		i := slices.IndexFunc(all, func(p machines.Process) bool { return p.PID == pid })
		if i < 0 {
			return nil
		}
		what = strings.Join(all[i].Args[:min(2, len(all[i].Args))], " ")
		return []int{pid}
	})
	o.wait(patience)
	t.op = o
	t.notef("node %s, %q, kplb ended with %d", node, what, o.code)
}

// killStepOn waits for a step, lets some time pass, and kills what is chosen.
func (t *trial) killStepOn(o *operator, node string, skip int, choose func(all []machines.Process, pid int) []int) (killed int) {
	for o.running() && killed == 0 {
		all, pid := t.stepOf(node)
		if pid == 0 {
			time.Sleep(2 * time.Millisecond)
			continue
		}
		if skip > 0 { // a little later
			skip--
			time.Sleep(time.Duration(t.rng.IntN(80)) * time.Millisecond)
			continue
		}
		for _, p := range choose(all, pid) {
			_ = syscall.Kill(p, syscall.SIGKILL) // it may be gone
			killed++
		}
	}
	return killed
}

func killRestore(t *trial) {
	o := t.apply()
	o.hears([]string{"kubernetes-node-1: changed", "proving", "kubernetes-node-3: changed"}[t.k%3])
	o.signal(syscall.SIGKILL)
	o.wait(patience)
	killed := map[string]bool{}
	delay := time.Duration(t.rng.IntN(150)) * time.Millisecond
	for end := time.Now().Add(window + outlast); time.Now().Before(end) && len(killed) < 3; time.Sleep(2 * time.Millisecond) {
		for _, n := range machines.Nodes {
			all, _ := t.Processes(n)
			i := slices.IndexFunc(all, func(p machines.Process) bool {
				return strings.HasPrefix(strings.Join(p.Args, " "), "/bin/sh /var/lib/kplb/restore")
			})
			if i < 0 || killed[n] {
				continue
			}
			time.Sleep(delay)
			for _, pid := range machines.Family(all, all[i].PID) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			killed[n] = true
		}
	}
	t.notef("killed %v after it, on %d nodes", delay, len(killed))
}

// lightsOut cuts the power of nodes; they are excused from then on.
func (t *trial) lightsOut(nodes ...string) {
	t.watch.excuse(nodes...)
	for _, n := range nodes {
		t.verb("poweroff", n)
		t.later(func() { t.verb("poweron", n) })
	}
}

func cutPower(t *trial) {
	node := nodeNumber(t.k)
	o := t.apply()
	time.Sleep(t.moment())
	t.lightsOut(node)
	time.Sleep(time.Duration(t.rng.IntN(1500)) * time.Millisecond)
	t.mend()
	o.wait(patience)
	t.op = o
	t.bootedInOrder(node)
	t.notef("node %s after %.2f s, kplb ended with %d", node, t.moment().Seconds(), o.code)
}

func cutAllPower(t *trial) {
	o := t.apply("--wait")
	o.hears("waiting for `kplb confirm`")
	o.signal(syscall.SIGKILL)
	o.wait(patience)
	time.Sleep(time.Duration(t.rng.IntN(6000)) * time.Millisecond)
	t.lightsOut(machines.Nodes...)
	t.mend()
	for _, n := range machines.Nodes {
		t.bootedIntoOld(n)
	}
	t.mustBeOld()
}

func rebootAll(t *trial) {
	o := t.apply("--wait")
	o.hears("waiting for `kplb confirm`")
	o.signal(syscall.SIGKILL)
	o.wait(patience)
	time.Sleep(time.Duration(t.rng.IntN(5000)) * time.Millisecond)
	t.watch.excuse(machines.Nodes...)
	was := map[string]string{}
	for _, n := range machines.Nodes {
		was[n], _ = t.Init(n)
		t.on(n, "systemctl reboot")
	}
	t.awaitBoots(was)
	for _, n := range machines.Nodes {
		t.bootedIntoOld(n)
	}
	t.mustBeOld()
}

// awaitBoots waits until every node has another init than before, and sshd.
func (t *trial) awaitBoots(was map[string]string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		up := 0
		for _, n := range machines.Nodes {
			if now, err := t.Init(n); err == nil && now != was[n] {
				if _, err := t.On(n, "systemctl is-active -q ssh"); err == nil {
					up++
				}
			}
		}
		if up == len(machines.Nodes) {
			return
		}
		if time.Now().After(deadline) {
			t.problem("%d of 3 nodes are up a minute after the reboot", up)
			return
		}
	}
}

// mustBeOld wants every node to be as before already, whatever time is left
// of its window.
func (t *trial) mustBeOld() {
	t.areOld("C4", func(reason string) bool { return reason == "boot" })
}

// areOld wants that, and that each node was restored for a reason that is right.
func (t *trial) areOld(class string, isRight func(reason string) bool) {
	t.lookAround()
	for _, n := range machines.Nodes {
		if l := t.ends[n]; l == nil {
			t.problem("node %s cannot be looked at", n)
		} else if d := l.files.against(t.from.trees[n]); len(d) > 0 {
			t.problem("%s: node %s is not in the old generation: %s", class, n, strings.Join(d, "; "))
		} else if r := l.facts["restored"]; !isRight(r) {
			t.problem("%s: node %s was restored by %q", class, n, r)
		}
	}
}

// booted says when the change was taken back on a node that has booted, by
// the record that the way back leaves when all files are in place again, and
// when each daemon was started, by the journal; 0: not at this boot.
func (t *trial) booted(n string) (back float64, starts map[string]float64, said string) {
	said = t.on(n, `for i in $(seq 50); do systemctl is-active -q haproxy && systemctl is-active -q keepalived && break; sleep 0.2; done
		! grep -qsx reason=boot /var/lib/kplb/restored || stat -c '%.9Y back' /var/lib/kplb/restored
		journalctl -b -q -o short-unix _PID=1 | grep -E 'kplb-restore-boot|(haproxy|keepalived).service'`)
	starts = map[string]float64{}
	for line := range strings.Lines(said) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		at, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			continue
		}
		if fields[1] == "back" {
			back = at
		}
		if len(fields) > 4 && fields[3] == "Starting" && starts[fields[4]] == 0 {
			starts[fields[4]] = at
		}
	}
	return back, starts, said
}

// bootedInOrder wants no daemon of a node that has booted to have started
// before a change was taken back, if one was.
func (t *trial) bootedInOrder(n string) {
	back, starts, said := t.booted(n)
	for _, unit := range []string{"haproxy.service", "keepalived.service"} {
		if back > 0 && starts[unit] > 0 && starts[unit] < back {
			t.problem("C4: node %s started %s before the change was taken back:\n%s", n, unit, said)
		}
	}
}

// bootedIntoOld wants proof: at this boot the change was taken back, and both
// daemons were started, and after that.
func (t *trial) bootedIntoOld(n string) {
	back, starts, said := t.booted(n)
	first := min(starts["haproxy.service"], starts["keepalived.service"])
	if back == 0 || first < back {
		t.problem("C4: node %s: nothing proves that the change was taken back before both daemons started:\n%s", n, said)
		return
	}
	t.proven++
	t.notef("node %s: %.0f ms before;", n, (first-back)*1000)
}
