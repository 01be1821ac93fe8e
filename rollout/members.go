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

func (r *Rollout) reached(nodes []inventory.Node) []inventory.Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n inventory.Node) bool { return r.absent[n.Name] })
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
