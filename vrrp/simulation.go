package vrrp

import (
	"slices"

	"github.com/kplb/kplb/inventory"
)

// Simulation is what becomes of the VIPs of a contest.
type Simulation struct {
	Speakers []Speaker
	Start    string // who holds them before: the node that would, were all to start at the same moment
	Proof    Proof
	Outcomes []Outcome // those of the same nodes follow each other
}

// maxAllSubsets is up to how many nodes every subset fails; of more nodes, those
// of one or two fail.
const maxAllSubsets = 5

// Simulate lets nodes of one contest fail, after all of them were healthy and
// the one of the highest priority held the VIP: every subset of them but all, in
// every way that keepalived can notice. Its error is that of Sound for the
// contest, and comes beside the simulation.
func Simulate(c *inventory.Cluster, speakers []Speaker) (*Simulation, error) {
	proof, err := prove(c, speakers)
	out := &Simulation{Speakers: speakers, Proof: proof}
	e := newElection(speakers)
	otherwise := newElection(withFailback(speakers, !groupOf(c, speakers[0].VIP).Failback))
	start := e.start()
	out.Start, _ = e.holder(start)
	failures := []Failure{Off, HAProxyDead, HAProxyFrozen}
	if c.Exposure == inventory.IPVS {
		failures = []Failure{Off, IPVSGone}
	}
	for _, failing := range subsets(len(speakers)) {
		for _, how := range failures {
			if how != HAProxyFrozen || slices.ContainsFunc(speakers, Speaker.noticesFrozen) {
				o := e.outcome(start, failing, how)
				_, _, o.AfterReturnOtherwise = otherwise.failAndReturn(otherwise.start(), failing, how)
				out.Outcomes = append(out.Outcomes, o)
			}
		}
	}
	return out, err
}

// withFailback are the speakers as they would be with or without failback.
func withFailback(speakers []Speaker, failback bool) []Speaker {
	out := slices.Clone(speakers)
	for i := range out {
		out[i].NoPreempt, out[i].State = !failback, "BACKUP"
	}
	return out
}

func (s Speaker) noticesFrozen() bool {
	return slices.ContainsFunc(s.checks, func(c check) bool { return c.frozen })
}

// subsets are those of up to all but one of n nodes, the small ones first.
func subsets(n int) [][]int {
	most := n - 1
	if n > maxAllSubsets {
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
