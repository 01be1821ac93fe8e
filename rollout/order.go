package rollout

import (
	"slices"

	"github.com/kplb/kplb/node"
)

// batches says which nodes may change at once: a canary alone, then the
// others, and the VIP's holder, which the plan has last, alone again. Where an
// apiserver restarts, the node is always alone.
func batches(plans []NodePlan) [][]NodePlan {
	var out [][]NodePlan
	together := false // the last batch takes more
	canary := false   // has changed: those that leave are none
	for _, p := range plans {
		if p.Empty() {
			continue
		}
		alone := !canary || p.Leaving || p.Holder || p.Listen != ""
		canary = canary || !p.Leaving
		if together && !alone {
			out[len(out)-1] = append(out[len(out)-1], p)
			continue
		}
		out, together = append(out, []NodePlan{p}), !alone
	}
	return out
}

// after says whether the node changes after the VIP's holder.
func (n NodePlan) after() bool {
	return n.Node.Worker || !n.Holder && !n.Leaving && n.Keepalived == node.Start
}

// inOrder brings plans into the order of the rollout: as in the inventory, but
// nodes that leave come first, and the VIP's holder after the others that have
// a keepalived. Where there is a holder, one that joins starts its keepalived
// when everybody sends it adverts: it would take the VIP. Workers are last.
func inOrder(plans []NodePlan) []NodePlan {
	held := slices.ContainsFunc(plans, func(p NodePlan) bool { return p.Holder && p.Keepalived != node.Start })
	rank := func(p NodePlan) int {
		switch {
		case p.Leaving:
			return 0
		case p.Node.Worker:
			return 4
		case p.Holder:
			return 2
		case held && p.Keepalived == node.Start:
			return 3
		default:
			return 1
		}
	}
	slices.SortStableFunc(plans, func(a, b NodePlan) int { return rank(a) - rank(b) })
	oneSpeaks(plans)
	return plans
}

// workersFirst is for the way away from the VIP: kubelets leave it before it
// goes.
func workersFirst(plans []NodePlan) []NodePlan {
	slices.SortStableFunc(plans, func(a, b NodePlan) int {
		switch {
		case a.Node.Worker == b.Node.Worker:
			return 0
		case a.Node.Worker:
			return -1
		default:
			return 1
		}
	})
	return plans
}
