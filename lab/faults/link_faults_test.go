//go:build faults

package faults

import (
	"fmt"
	"strings"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

func linkFaults() []fault {
	return []fault{
		{id: "B1a", name: "cable of a node pulled, swept over the clock, mended after the window", count: 9, fast: 1, inject: cutCable},
		{id: "B1b", name: "cable of a node pulled for a moment", count: 9, fast: 1, inject: cutBriefly},
		{id: "B1c", name: "cable of the VIP's holder pulled while confirming", count: 4, inject: cutConfirming},
		{id: "B2", name: "packets of ssh dropped one way", count: 4, fast: 1, inject: dropOneWay},
		{id: "B4", name: "1 to 3 nodes unreachable from the start", count: 6, fast: 1, inject: unreachable},
	}
}

// unplug pulls the cables of nodes until they are mended. An operator may
// notice late, a lock ends by its silence.
func (t *trial) unplug(nodes ...string) {
	t.watch.excuse(nodes...)
	for _, n := range nodes {
		t.verb("cut", n)
		t.later(func() { t.verb("mend", n) })
	}
	t.extra = 20 * time.Second
}

func cutCable(t *trial) {
	node := nodeNumber(t.k)
	o := t.apply()
	time.Sleep(t.moment())
	t.unplug(node)
	cut := time.Now()
	o.wait(patience)
	t.op = o
	t.notef("node %s after %.2f s, kplb ended with %d %.1f s later", node, t.moment().Seconds(), o.code, time.Since(cut).Seconds())
	if took := time.Since(cut); took > time.Minute {
		t.problem("B1: kplb needs %.0f s to end after the cable was pulled", took.Seconds())
	}
	time.Sleep(time.Until(cut.Add(window + outlast)))
	t.mend()
}

func cutBriefly(t *trial) {
	node := nodeNumber(t.k)
	o := t.apply()
	time.Sleep(t.moment())
	t.unplug(node)
	pause := time.Duration(500+t.rng.IntN(6000)) * time.Millisecond
	time.Sleep(pause)
	t.mend()
	o.wait(patience)
	t.op = o
	t.notef("node %s after %.2f s for %.1f s, kplb ended with %d", node, t.moment().Seconds(), pause.Seconds(), o.code)
}

func cutConfirming(t *trial) {
	o := t.apply()
	o.hears("confirming over new connections")
	time.Sleep(time.Duration(t.rng.IntN(150)) * time.Millisecond)
	node := nodeNumber(t.rng.IntN(3))
	t.unplug(node)
	cut := time.Now()
	o.wait(patience)
	t.op = o
	t.notef("node %s, kplb ended with %d", node, o.code)
	time.Sleep(time.Until(cut.Add(window + outlast)))
	t.mend()
}

// dropOneWay loses what a node answers over ssh.
func dropOneWay(t *trial) {
	node := nodeNumber(t.k)
	o := t.apply()
	time.Sleep(t.moment())
	t.extra = 20 * time.Second
	t.harm(node, "nft add table inet fault && nft add chain inet fault out '{ type filter hook output priority 0; }' && nft add rule inet fault out tcp sport 22 drop")
	t.later(func() { t.on(node, "nft delete table inet fault") })
	o.wait(patience)
	t.op = o
	t.notef("node %s after %.2f s, kplb ended with %d", node, t.moment().Seconds(), o.code)
	time.Sleep(window)
	t.mend()
}

func unreachable(t *trial) {
	t.quick = true
	nodes := machines.Nodes[:t.k%3+1]
	t.unplug(nodes...)
	began := time.Now()
	o := t.apply()
	o.wait(patience)
	t.op = o
	t.wants(3)
	if took := time.Since(began); took > 10*time.Second {
		t.problem("B4: kplb needs %.0f s to refuse", took.Seconds())
	}
	for _, n := range nodes {
		if !strings.Contains(o.all(), nodeName(n)) {
			t.problem("B4: kplb does not name node %s", n)
		}
	}
	t.note = fmt.Sprintf("nodes %v", nodes)
	t.mend()
}
