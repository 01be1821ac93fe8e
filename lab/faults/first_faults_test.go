//go:build faults

package faults

import (
	"syscall"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// The very first apply: from nothing, with the apiserver's manifest, the
// sysctl and the services.
func firstFaults() []fault {
	return []fault{
		{id: "S1", name: "first apply: operator gets INT", count: 6, fast: 1, first: true, inject: firstInterrupted},
		{id: "S2", name: "first apply: operator killed, all nodes rebooted: 3 reboots", count: 4, first: true, inject: firstRebooted},
		{id: "S3", name: "first apply: power of a node cut", count: 3, first: true, inject: firstPower},
		{id: "S4", name: "first apply: operator killed, every node waits for its turn", count: 2, first: true, inject: firstKilled},
		{id: "E3a", name: "first apply: an apiserver does not come back, the operator gives up", count: 3, fast: 1, first: true, inject: apiserverGone},
		{id: "E3b", name: "first apply: an apiserver does not come back, the operator waits", count: 1, first: true, inject: apiserverNever},
	}
}

// firstUsual is how long a calm first apply takes in this lab.
const firstUsual = 19 * time.Second

func (t *trial) first() *operator {
	t.from, t.to = t.none, t.a

	o := t.apply()
	t.extra = 60 * time.Second // apiservers go back one after the other
	return o
}

func (t *trial) firstMoment() time.Duration { return time.Duration(t.at * float64(firstUsual)) }

func firstInterrupted(t *trial) {
	o := t.first()
	time.Sleep(t.firstMoment())
	o.signal(syscall.SIGINT)
	o.wait(patience)
	t.op = o
	t.notef("after %.1f s, kplb ended with %d", t.firstMoment().Seconds(), o.code)
}

func firstRebooted(t *trial) {
	o := t.first()
	time.Sleep(t.firstMoment())
	o.signal(syscall.SIGKILL)
	o.wait(patience)
	t.notef("killed after %.1f s", t.firstMoment().Seconds())
	t.watch.excuse(machines.Nodes...)
	was := map[string]string{}
	for _, n := range machines.Nodes {
		was[n], _ = t.Init(n)
		t.on(n, "systemctl reboot")
	}
	t.awaitBoots(was)
}

func firstPower(t *trial) {
	node := nodeNumber(t.k)
	o := t.first()
	time.Sleep(t.firstMoment())
	// kplb may be restarting another one when the power goes: that is not undone
	t.watch.excuse(machines.Nodes...)
	t.lightsOut(node)
	time.Sleep(time.Second)
	t.mend()
	o.wait(5 * time.Minute)
	t.op = o
	t.notef("node %s after %.1f s, kplb ended with %d", node, t.firstMoment().Seconds(), o.code)
	t.extra = 200 * time.Second
}

func firstKilled(t *trial) {
	o := t.first()
	o.hears("proving")
	o.signal(syscall.SIGKILL)
	o.wait(patience)
	t.extra = 160 * time.Second
}

// apiserverGone takes the key away that the apiserver needs to start again,
// and gives it back after the operator has seen enough.
func apiserverGone(t *trial) {
	node := nodeNumber(t.k)
	t.harm(node, "mv /etc/kubernetes/pki/apiserver.key /root/") // nobody is excused: the others are a majority
	o := t.first()
	o.hears(nodeName(node) + ": waiting for the apiserver")
	time.Sleep(time.Duration(2000+t.rng.IntN(3000)) * time.Millisecond)
	o.signal(syscall.SIGINT)
	time.Sleep(2 * time.Second)
	t.on(node, "mv /root/apiserver.key /etc/kubernetes/pki/")
	o.wait(patience)
	t.op = o
	t.wants(130)
	t.notef("node %s, kplb ended with %d", node, o.code)
}

// apiserverNever waits until kplb gives up by itself. The key comes back when
// it takes the change back.
func apiserverNever(t *trial) {
	const node = "2"
	t.harm(node, "mv /etc/kubernetes/pki/apiserver.key /root/")
	o := t.first()
	if !o.hears(nodeName(node) + ": waiting for the apiserver") {
		t.problem("E3: kplb never waits for the apiserver")
	}
	waiting := time.Now()
	for o.running() && time.Since(waiting) < 4*time.Minute && !o.hears("taking the change back") {
		time.Sleep(time.Millisecond) // hears has a patience of its own
	}
	gaveUp := time.Since(waiting)
	t.on(node, "mv /root/apiserver.key /etc/kubernetes/pki/")
	o.wait(patience)
	t.op = o
	t.wants(3)
	if gaveUp > 200*time.Second {
		t.problem("E3: kplb waits for %.0f s", gaveUp.Seconds())
	}
	t.notef("kplb gave up after %.0f s and ended with %d", gaveUp.Seconds(), o.code)
}
