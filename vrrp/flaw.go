package vrrp

import (
	"fmt"
	"math/bits"
	"strings"
)

// flaw is a state at rest that should not be.
type flaw struct {
	election *election
	state    state
	holder   int // the index of who should not have the VIP, or of one of two; -1: nobody has it
}

// judge says whether a state at rest should not be: several holders, or none or
// an unhealthy one while a node is healthy.
func (e *election) judge(s state) (flaw, bool) {
	someHealthy := false
	for i := range e.speakers {
		someHealthy = someHealthy || e.now(&s, i).participates && e.now(&s, i).healthy
	}
	f := flaw{e, s, -1}
	for i := range e.speakers {
		if s.holders&(1<<i) != 0 && (f.holder < 0 || !e.now(&s, i).healthy) {
			f.holder = i
		}
	}
	switch {
	case bits.OnesCount16(s.holders) > 1:
		return f, true
	case !someHealthy:
		return f, false
	}
	return f, f.holder < 0 || !e.now(&s, f.holder).healthy
}

// String says what is wrong in it.
func (f flaw) String() string {
	var holders, healthy, failing []string
	for i, s := range f.election.speakers {
		now := f.election.now(&f.state, i)
		holds := f.state.holders&(1<<i) != 0
		switch {
		case holds:
			holders = append(holders, s.Node)
		case now.participates && now.healthy:
			healthy = append(healthy, s.Node)
		}
		if now.participates && !now.healthy {
			failing = append(failing, fmt.Sprintf("%s on %s (priority %d)", now.name, s.Node, now.priority))
		}
	}
	what := strings.Join(holders, " and ") + " hold the VIP"
	switch len(holders) {
	case 0:
		what = "nobody holds the VIP"
	case 1:
		what = holders[0] + " holds the VIP"
	}
	if len(holders) < 2 && len(healthy) > 0 {
		what += ", though " + healthy[0] + " is well"
	}
	if len(failing) > 0 {
		what = "with " + strings.Join(failing, " and ") + ", " + what
	}
	return what
}

// problem is the flaw with its place: the check that fails where the VIP stays,
// or the priority.
func (f flaw) problem() *Problem {
	i := max(f.holder, 0)
	speaker, now := f.election.speakers[i], f.election.now(&f.state, i)
	line := now.line
	if line == 0 {
		line = speaker.lines[""]
	}
	return speaker.problem(line, "choose a weight that brings the node below every node that is well; or leave it out, and the check is FAULT when it fails", "%s", f)
}
