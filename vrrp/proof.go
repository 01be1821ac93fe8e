package vrrp

import (
	"fmt"
	"math/bits"
	"strings"
)

// maxExplored is up to how many nodes all are looked at together.
const maxExplored = 5

// Proof is what was looked at, and what was wrong in it.
type Proof struct {
	States     int  // at rest, in which the nodes can be
	MostAtOnce int  // nodes that become holder at the same moment, when nodes fail or return
	Grouped    bool // the nodes were looked at three at a time
	flaws      []flaw
}

// prove looks for flaws. Sound is: whatever fails, and in whichever order,
// nodes that hear each other have one holder, and a healthy one where one is
// healthy; none or one where none is.
//
// Up to five nodes, every state is visited that can be reached, from all off,
// by one node after the other failing, recovering or starting; and from all
// off and all healthy, with any number of them at once. That covers all orders of
// starting, and any former holder.
//
// More nodes are looked at in groups of three, because a flaw is always one of
// two nodes. At rest,
//
//   - two holders a and b are two that do not make each other give up, whoever
//     else is there: they hear each other in one direction at most, and alone
//     they end up so, too, when the one that hears the other starts first;
//   - an unhealthy holder m beside a healthy node w: w hears a holder, which is
//     m, or there would be two, and does not take over for m's priority or its
//     own nopreempt. Alone, with m there first, it does not either;
//   - no holder beside a healthy node w cannot be: w hears nobody, and takes over.
//
// The third node of a group is there for the number of those that become holder
// on the way: the holder that fails, and two that want to follow. Groups that
// differ in nothing but the values of their priorities, and not in the order
// of these, are looked at once.
func (e *election) prove() Proof {
	if len(e.speakers) <= maxExplored {
		return e.explore()
	}
	out := Proof{Grouped: true}
	seen := map[string]bool{}
	for c := range e.speakers {
		for b := range c {
			for a := range b {
				group := newElection([]Speaker{e.speakers[a], e.speakers[b], e.speakers[c]})
				if kind := group.kind(); !seen[kind] {
					seen[kind] = true
					found := group.explore()
					out.States, out.MostAtOnce, out.flaws = out.States+found.States, max(out.MostAtOnce, found.MostAtOnce), append(out.flaws, found.flaws...)
				}
			}
		}
	}
	return out
}

// kind is all that an election depends on: the order of priorities, not their
// values.
func (e *election) kind() string {
	var b strings.Builder
	for i, all := range e.statuses {
		fmt.Fprint(&b, e.hears[i], e.winsTie[i], e.noPreempt&(1<<i) != 0)
		for _, s := range all {
			rank := 0
			for _, others := range e.statuses {
				for _, other := range others {
					if other.priority < s.priority {
						rank++
					}
				}
			}
			fmt.Fprint(&b, " ", s.participates, s.healthy, rank)
		}
		b.WriteByte(';')
	}
	return b.String()
}

// explore visits every state.
func (e *election) explore() Proof {
	var out Proof
	seen := map[state]bool{}
	var todo []state
	visit := func(s state) {
		entered := bits.OnesCount16(e.settle(&s))
		out.MostAtOnce = max(out.MostAtOnce, entered)
		if !seen[s] {
			seen[s] = true
			todo = append(todo, s)
			if f, bad := e.judge(s); bad {
				out.flaws = append(out.flaws, f)
			}
		}
	}
	visit(state{})
	e.eachCombination(state{}, visit)
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		allHealthy := true
		for i, all := range e.statuses {
			allHealthy = allHealthy && s.at[i] == statusHealthy
			next := s
			for to := range all {
				next.at[i] = uint8(to)
				visit(next)
			}
		}
		if allHealthy {
			e.eachCombination(s, visit)
		}
	}
	out.States = len(seen)
	return out
}

// eachCombination visits every combination of statuses, with the same holders
// before.
func (e *election) eachCombination(from state, visit func(state)) {
	s := state{holders: from.holders}
	for {
		visit(s)
		i := 0
		for ; i < len(e.statuses); i++ {
			if int(s.at[i])+1 < len(e.statuses[i]) {
				s.at[i]++
				break
			}
			s.at[i] = 0
		}
		if i == len(e.statuses) {
			return
		}
	}
}
