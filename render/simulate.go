package render

import (
	"math/bits"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
)

// Failure is a way in which nodes fail.
type Failure string

// The failures. A node is off when its power or its link is gone, or its
// keepalived; others cannot tell one from the other.
const (
	Off    Failure = "off"
	Dead   Failure = "HAProxy dead"
	Frozen Failure = "HAProxy frozen"
)

// Outcome is what becomes of the VIP when nodes fail at the same time.
type Outcome struct {
	Failing []string
	Failure Failure
	Holder  string        // afterwards; empty: nobody
	Second  []string      // who holds it as well, which must not be
	Moves   bool          // the holder is another one than before
	Within  time.Duration // until then, at worst; 0: it stays, or no time is known
	Entered int           // nodes that became holder on the way

	Return          string // who holds it when all of them have come back at once
	ReturnOtherwise string // the same, were failback the other way round
}

// Simulation is what becomes of a cluster's VIP.
type Simulation struct {
	Speakers []Speaker
	Start    string // who holds it when all start at once
	Proof    Proof
	Outcomes []Outcome
}

// mostRows is up to how many nodes every subset is shown; of more nodes those
// of one or two.
const mostRows = 5

// Simulate lets nodes fail, after all of them were well and the one of the
// highest priority held the VIP: every subset of them but all, in every way that
// keepalived can notice. Its error is that of Sound, beside the simulation.
func Simulate(c *inventory.Cluster, speakers []Speaker) (*Simulation, error) {
	proof, err := prove(c, speakers)
	out := &Simulation{Speakers: speakers, Proof: proof}
	e, otherwise := newElection(speakers), newElection(turned(speakers, !c.VRRP.Failback))
	start := e.start()
	out.Start, _ = e.holder(start)
	for _, failing := range subsets(len(speakers)) {
		for _, how := range []Failure{Off, Dead, Frozen} {
			if how != Frozen || slices.ContainsFunc(speakers, Speaker.noticesFrozen) {
				o := e.fail(start, failing, how)
				_, _, o.ReturnOtherwise = otherwise.afterwards(otherwise.start(), failing, how)
				out.Outcomes = append(out.Outcomes, o)
			}
		}
	}
	return out, err
}

// turned are the speakers with another failback.
func turned(speakers []Speaker, failback bool) []Speaker {
	out := slices.Clone(speakers)
	for i := range out {
		out[i].NoPreempt, out[i].State = !failback, "BACKUP"
	}
	return out
}

func (s Speaker) noticesFrozen() bool {
	return slices.ContainsFunc(s.checks, func(c check) bool { return c.frozen })
}

// start is all nodes well, started at once.
func (e *election) start() state {
	var s state
	for i := range e.speakers {
		s.at[i] = well
	}
	e.settle(&s)
	return s
}

// holder is who has the VIP, and who else.
func (e *election) holder(s state) (first string, others []string) {
	for i, speaker := range e.speakers {
		switch {
		case s.holders&(1<<i) == 0:
		case first == "":
			first = speaker.Node
		default:
			others = append(others, speaker.Node)
		}
	}
	return first, others
}

// statusOf is the status that a failure is for a node.
func (e *election) statusOf(i int, how Failure) uint8 {
	at := slices.IndexFunc(e.statuses[i], func(s status) bool { return how == Dead && s.dead || how == Frozen && s.frozen })
	switch {
	case at >= 0:
		return uint8(at) //nolint:gosec // there are a few
	case how == Off:
		return off
	}
	return well // it is not noticed
}

// afterwards lets nodes fail, and come back.
func (e *election) afterwards(s state, failing []int, how Failure) (failed state, entered uint16, back string) {
	for _, i := range failing {
		s.at[i] = e.statusOf(i, how)
	}
	entered = e.settle(&s)
	failed = s
	for _, i := range failing {
		s.at[i] = well
	}
	e.settle(&s)
	back, _ = e.holder(s)
	return failed, entered, back
}

func (e *election) fail(start state, failing []int, how Failure) Outcome {
	o := Outcome{Failure: how}
	for _, i := range failing {
		o.Failing = append(o.Failing, e.speakers[i].Node)
	}
	after, entered, back := e.afterwards(start, failing, how)
	o.Entered, o.Return = bits.OnesCount16(entered), back
	o.Holder, o.Second = e.holder(after)
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
	skew := skewOf(next.version, next.advert, e.now(&after, to).priority)
	switch {
	case how == Off:
		return 3*was.advert + skew
	case !e.now(&after, from).fault:
		return 0
	case how == Dead && slices.ContainsFunc(was.checks, func(c check) bool { return c.dead && !c.frozen && c.failed.fault }):
		return skew
	}
	for _, c := range was.checks {
		if c.frozen && c.failed.fault && c.within > 0 {
			return c.within + skew
		}
	}
	return 0
}

// subsets are those of up to all but one of n nodes, the small ones first.
func subsets(n int) [][]int {
	most := n - 1
	if n > mostRows {
		most = 2
	}
	var out [][]int
	var choose func(chosen []int, from, size int)
	choose = func(chosen []int, from, size int) {
		if len(chosen) == size {
			out = append(out, slices.Clone(chosen))
			return
		}
		for i := from; i < n; i++ {
			choose(append(chosen, i), i+1, size)
		}
	}
	for size := 1; size <= most; size++ {
		choose(nil, 0, size)
	}
	return out
}
