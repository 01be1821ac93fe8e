package rollout

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// present are the control-plane nodes that are not left out.
func (r *Rollout) present() []inventory.Node { return r.reached(r.Cluster.Nodes) }

// everyone are all nodes that are not left out: those that leave first, the
// workers last.
func (r *Rollout) everyone() []inventory.Node {
	return r.reached(slices.Concat(r.leaving, r.Cluster.Nodes, r.Cluster.Workers))
}

func (r *Rollout) isLeaving(n inventory.Node) bool {
	return slices.ContainsFunc(r.leaving, func(m inventory.Node) bool { return m.Name == n.Name })
}

func (r *Rollout) reached(nodes []inventory.Node) []inventory.Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n inventory.Node) bool { return r.absent[n.Name] })
}

// inOrder brings plans into the order of the rollout: as in the inventory, but
// nodes that leave come first, and the VIP's holder after the others that have
// a keepalived. Where there is a holder, one that joins starts its keepalived
// when everybody sends it adverts: it would take the VIP. Workers are last.
func inOrder(plans []NodePlan) []NodePlan {
	held := slices.ContainsFunc(plans, func(p NodePlan) bool { return p.Holder && p.Keepalived != Start })
	rank := func(p NodePlan) int {
		switch {
		case p.Leaving:
			return 0
		case p.Node.Worker:
			return 4
		case p.Holder:
			return 2
		case held && p.Keepalived == Start:
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

// leaveOut leaves out the nodes that cannot be reached, if the control-plane
// nodes that are left are a majority. Any other error stays.
func (r *Rollout) leaveOut(failed NodeErrors) error {
	for _, err := range failed {
		if !errors.Is(err, remote.ErrUnreachable) && !errors.Is(err, remote.ErrTimeout) {
			return failed
		}
	}
	majority, left := len(r.Cluster.Nodes)/2+1, 0
	for _, n := range r.present() {
		if failed[n.Name] == nil {
			left++
		}
	}
	if left < majority {
		return fmt.Errorf("%w\nonly %d of %d nodes can be reached, and %d are needed", failed, left, len(r.Cluster.Nodes), majority)
	}
	if r.absent == nil {
		r.absent = map[string]bool{}
	}
	for name, err := range failed {
		r.absent[name] = true
		delete(r.facts, name) // what was seen of it earlier says nothing now
		r.report(Event{Node: name, Step: fmt.Sprintf("left out: %v", err), Done: true})
	}
	return nil
}
