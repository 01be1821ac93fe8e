package vrrp

import (
	"math/bits"
	"slices"
	"time"
)

// Failure is a way in which nodes fail.
type Failure string

// The failures. A node is off when its power, its link or its keepalived is
// gone; the others cannot tell one from the other.
const (
	Off           Failure = "off"
	HAProxyDead   Failure = "HAProxy dead"
	HAProxyFrozen Failure = "HAProxy frozen"
	IPVSGone      Failure = "no director" // with exposure: ipvs: its virtual server or its table of nftables is gone
)

// Outcome is what becomes of the VIP when nodes fail at the same time.
type Outcome struct {
	Failing      []string
	Failure      Failure
	Holder       string        // afterwards; empty: nobody
	Others       []string      // who holds it as well, which must not be
	Moves        bool          // the holder is another one than before
	Within       time.Duration // until then, at worst; 0: it stays, or no time is known
	BecameHolder int           // nodes that became holder on the way

	AfterReturn          string // who holds it when all of them have come back at once
	AfterReturnOtherwise string // the same, were failback the other way round
}

// statusAfter is the index of the status that a failure brings a node to.
func (e *election) statusAfter(i int, how Failure) uint8 {
	at := slices.IndexFunc(e.statuses[i], func(s status) bool {
		return how == HAProxyDead && s.dead || (how == HAProxyFrozen || how == IPVSGone) && s.frozen
	})
	switch {
	case at >= 0:
		return uint8(at) //nolint:gosec // there are a few
	case how == Off:
		return statusOff
	}
	return statusHealthy // no check notices it
}

// failAndReturn lets nodes fail, and come back. It returns the state in between,
// the nodes that became holder on the way there, and who holds the VIP in the end.
func (e *election) failAndReturn(s state, failing []int, how Failure) (failed state, entered uint16, back string) {
	for _, i := range failing {
		s.at[i] = e.statusAfter(i, how)
	}
	entered = e.settle(&s)
	failed = s
	for _, i := range failing {
		s.at[i] = statusHealthy
	}
	e.settle(&s)
	back, _ = e.holder(s)
	return failed, entered, back
}

func (e *election) outcome(start state, failing []int, how Failure) Outcome {
	o := Outcome{Failure: how}
	for _, i := range failing {
		o.Failing = append(o.Failing, e.speakers[i].Node)
	}
	after, entered, back := e.failAndReturn(start, failing, how)
	o.BecameHolder, o.AfterReturn = bits.OnesCount16(entered), back
	o.Holder, o.Others = e.holder(after)
	o.Moves = after.holders != start.holders
	if o.Moves && bits.OnesCount16(after.holders) == 1 && bits.OnesCount16(start.holders) == 1 {
		o.Within = e.within(bits.TrailingZeros16(start.holders), bits.TrailingZeros16(after.holders), after, how)
	}
	return o
}

// within is how long the VIP takes from one node to another, at worst, as
// Timing says it. Where a check only changes the priority, no time is known.
func (e *election) within(from, to int, after state, how Failure) time.Duration {
	was, next := e.speakers[from], e.speakers[to]
	skew := skewTime(next.version, next.advert, e.now(&after, to).priority)
	switch {
	case how == Off:
		return 3*was.advert + skew
	case !e.now(&after, from).fault:
		return 0
	case how == HAProxyDead && slices.ContainsFunc(was.checks, func(c check) bool { return c.dead && !c.frozen && c.fails.fault }):
		return skew
	}
	for _, c := range was.checks {
		if c.frozen && c.fails.fault && c.within > 0 {
			return c.within + skew
		}
	}
	return 0
}
