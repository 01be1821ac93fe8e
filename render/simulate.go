package render

import (
	"slices"

	"github.com/kplb/kplb/inventory"
)

// Simulation is what becomes of the VIPs of a contest.
type Simulation struct {
	Speakers []Speaker
	Start    string // who holds it before: the first one, were they to start at the same moment
	Proof    Proof
	Outcomes []Outcome
}

// mostRows is up to how many nodes every subset is shown; of more nodes those
// of one or two.
const mostRows = 5

// Simulate lets nodes of one contest fail, after all of them were well and the one of the
// highest priority held the VIP: every subset of them but all, in every way that
// keepalived can notice. Its error is that of Sound, beside the simulation.
func Simulate(c *inventory.Cluster, speakers []Speaker) (*Simulation, error) {
	proof, err := prove(c, speakers)
	out := &Simulation{Speakers: speakers, Proof: proof}
	e, otherwise := newElection(speakers), newElection(turned(speakers, !groupOf(c, speakers[0].VIP).Failback))
	start := e.start()
	out.Start, _ = e.holder(start)
	ways := []Failure{Off, Dead, Frozen}
	if c.Exposure == inventory.IPVS {
		ways = []Failure{Off, Unfit}
	}
	for _, failing := range subsets(len(speakers)) {
		for _, how := range ways {
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
