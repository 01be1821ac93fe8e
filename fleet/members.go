package fleet

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// Present are the control-plane nodes that are not left out.
func (f *Fleet) Present() []inventory.Node { return f.Reached(f.Cluster.Nodes) }

// Everyone are all nodes that are not left out: those that leave first, the
// workers last.
func (f *Fleet) Everyone() []inventory.Node {
	return f.Reached(slices.Concat(f.Leaving(), f.Cluster.Nodes, f.Cluster.Workers))
}

// Reached are the given nodes without those that are left out.
func (f *Fleet) Reached(nodes []inventory.Node) []inventory.Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(nodes), func(n inventory.Node) bool { return f.absent[n.Name] })
}

// Leaving are the nodes that are no longer in the inventory and have to be cleaned.
func (f *Fleet) Leaving() []inventory.Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.leaving)
}

// SetLeaving sets the nodes that leave. From then on Everyone includes them.
func (f *Fleet) SetLeaving(nodes []inventory.Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaving = slices.Clone(nodes)
}

// leaveOut leaves out the nodes that cannot be reached, if the remaining control-plane
// nodes are a majority. It returns any other error.
func leaveOut(f *Fleet, failed NodeErrors) error {
	for _, err := range failed {
		if !errors.Is(err, remote.ErrUnreachable) && !errors.Is(err, remote.ErrTimeout) {
			return failed
		}
	}
	majority, left := len(f.Cluster.Nodes)/2+1, 0
	for _, n := range f.Present() {
		if failed[n.Name] == nil {
			left++
		}
	}
	if left < majority {
		return fmt.Errorf("%w\nonly %d of %d nodes can be reached, and %d are needed", failed, left, len(f.Cluster.Nodes), majority)
	}
	f.mu.Lock()
	if f.absent == nil {
		f.absent = map[string]bool{}
	}
	for name := range failed {
		f.absent[name] = true
		delete(f.facts, name) // its facts are out of date
	}
	f.mu.Unlock()
	for name, err := range failed {
		f.Report(Event{Node: name, Step: fmt.Sprintf("left out: %v", err), Done: true})
	}
	return nil
}
