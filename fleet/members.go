package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// Present are the control-plane nodes that are not left out.
func (f *Fleet) Present() []inventory.Node { return f.Reached(f.Cluster.Nodes) }

// Everyone are all nodes that are not left out: those that leave first, the
// workers last.
func (f *Fleet) Everyone() []inventory.Node {
	return f.Reached(slices.Concat(f.Leaving(), f.Cluster.Nodes, withoutAny(f.Cluster.Workers, f.Leaving())))
}

// Workers are the workers that are not left out, without those that have to be cleaned of
// their time as control-plane nodes first.
func Workers(f *Fleet) []inventory.Node { return f.Reached(withoutAny(f.Cluster.Workers, f.Leaving())) }

// withoutAny are nodes without those that others name.
func withoutAny(nodes, others []inventory.Node) []inventory.Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n inventory.Node) bool {
		return slices.ContainsFunc(others, func(o inventory.Node) bool { return o.Name == n.Name })
	})
}

// Reached are the given nodes without those that are left out.
func (f *Fleet) Reached(nodes []inventory.Node) []inventory.Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(nodes), func(n inventory.Node) bool { return f.absent[n.Name] != nil })
}

// Absent are the nodes that are left out, by name, and why.
func Absent(f *Fleet) NodeErrors {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.absent)
}

// Reason is why a node is left out, without its name.
func Reason(node string, err error) string {
	if e, ok := err.(*remote.Error); ok && e.Via == "" { //nolint:errorlint // one that says more is told whole
		return strings.TrimSpace(e.Addr + " " + e.Err.Error())
	}
	return strings.TrimPrefix(err.Error(), node+": ")
}

// TryAbsent has the next inspection try the nodes again that are left out.
func TryAbsent(f *Fleet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.absent = nil
}

// LeaveOut leaves out the nodes of a NodeErrors: what was found on them is out of date.
// Others work on without them.
func LeaveOut(f *Fleet, failed NodeErrors) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent == nil {
		f.absent = map[string]error{}
	}
	for name, err := range failed {
		f.absent[name] = err
		delete(f.facts, name)
	}
}

// Leaving are the nodes that are no longer in the inventory, or no longer control-plane
// nodes, and have to be cleaned.
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

// IsUnreachable says whether an error means that a node cannot be reached, because it is
// off or the network is broken. Any other error is the node's answer.
func IsUnreachable(err error) bool {
	return errors.Is(err, remote.ErrUnreachable) || errors.Is(err, remote.ErrTimeout)
}

// Spare says whether a change can do without the nodes that have failed: all of them
// cannot be reached, and the remaining control-plane nodes are a majority. Its error says
// why not, and is or wraps failed.
func Spare(f *Fleet, failed NodeErrors) error {
	for _, err := range failed {
		if !IsUnreachable(err) {
			return failed
		}
	}
	if left, majority := without(f, failed), f.Cluster.Quorum(); left < majority {
		return fmt.Errorf("%w\nonly %d of %d nodes can be reached, and %d are needed", failed, left, len(f.Cluster.Nodes), majority)
	}
	return nil
}

// leaveOut leaves out the nodes that a change can do without. It returns any other error.
func leaveOut(f *Fleet, failed NodeErrors) error {
	if err := Spare(f, failed); err != nil {
		return err
	}
	LeaveOut(f, failed)
	for name, err := range failed {
		f.Report(Event{Node: name, Step: "left out: " + Reason(name, err), Done: true})
	}
	return nil
}

// without is how many control-plane nodes there are without those that have failed.
func without(f *Fleet, failed NodeErrors) int {
	left := 0
	for _, n := range f.Present() {
		if failed[n.Name] == nil {
			left++
		}
	}
	return left
}
