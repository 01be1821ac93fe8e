package plan

import (
	"slices"

	"github.com/kplb/kplb/node"
)

// Batches are the nodes that may change at once, in order: first a canary alone,
// then the others, and the VIP's holder alone at the end. A node whose apiserver
// restarts is always alone.
func (p *Plan) Batches() [][]NodePlan {
	var out [][]NodePlan
	together := false // others may join the last batch
	canary := false   // a node that stays has changed
	for _, n := range p.Nodes {
		if n.Empty() {
			continue
		}
		alone := !canary || n.Leaving || n.Holder || n.Listen != ""
		canary = canary || !n.Leaving
		if together && !alone {
			out[len(out)-1] = append(out[len(out)-1], n)
			continue
		}
		out, together = append(out, []NodePlan{n}), !alone
	}
	return out
}

// AfterHolder says whether the node changes after the VIP's holder.
func (n NodePlan) AfterHolder() bool {
	return n.Node.Worker || !n.Holder && !n.Leaving && n.Keepalived == node.Start
}

// inOrder sorts plans by the order of the rollout: nodes that leave first, then the
// nodes in the order of the inventory, then the VIP's holder, workers last. If there is
// a holder, a node whose keepalived starts comes after it: it would take the VIP if
// the others did not send it adverts yet.
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
	oneSpeaker(plans)
	return plans
}

// workersFirst sorts workers first: their kubelets have to stop using the VIP before
// it is removed.
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
