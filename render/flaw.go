package render

import (
	"fmt"
	"math/bits"
	"strings"
)

// flaw is a state at rest that should not be.
type flaw struct {
	election *election
	state    state
	holder   int // who should not have the VIP, or one of two; -1: nobody has it
}

// look says whether a state at rest is as it should not be.
func (e *election) look(s state) (flaw, bool) {
	someWell := false
	for i := range e.speakers {
		someWell = someWell || e.now(&s, i).part && e.now(&s, i).well
	}
	f := flaw{e, s, -1}
	for i := range e.speakers {
		if s.holders&(1<<i) != 0 && (f.holder < 0 || !e.now(&s, i).well) {
			f.holder = i
		}
	}
	switch {
	case bits.OnesCount16(s.holders) > 1:
		return f, true
	case !someWell:
		return f, false
	}
	return f, f.holder < 0 || !e.now(&s, f.holder).well
}

// String says what is wrong in it.
func (f flaw) String() string {
	var holders, fine, fails []string
	for i, s := range f.election.speakers {
		now := f.election.now(&f.state, i)
		holds := f.state.holders&(1<<i) != 0
		switch {
		case holds:
			holders = append(holders, s.Node)
		case now.part && now.well:
			fine = append(fine, s.Node)
		}
		if now.part && !now.well {
			fails = append(fails, fmt.Sprintf("%s on %s (priority %d)", now.name, s.Node, now.priority))
		}
	}
	what := strings.Join(holders, " and ") + " hold the VIP"
	switch len(holders) {
	case 0:
		what = "nobody holds the VIP"
	case 1:
		what = holders[0] + " holds the VIP"
	}
	if len(holders) < 2 && len(fine) > 0 {
		what += ", though " + fine[0] + " is well"
	}
	if len(fails) > 0 {
		what = "with " + strings.Join(fails, " and ") + ", " + what
	}
	return what
}

// unsound is a flaw with its place: the check that fails where the VIP stays,
// or the priority.
func (f flaw) unsound() *Unsound {
	i := max(f.holder, 0)
	now := f.election.now(&f.state, i)
	line := now.line
	if line == 0 {
		line = f.election.speakers[i].lines[""]
	}
	return f.election.speakers[i].at(line, "choose a weight that brings the node below every node that is well; or leave it out, and the check is FAULT when it fails", "%s", f)
}
