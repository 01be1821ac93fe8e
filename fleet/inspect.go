package fleet

import (
	"context"
	"errors"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// Inspect inspects all nodes at once, and returns the latest facts of every node that
// was ever inspected. Its error is a NodeErrors.
func (f *Fleet) Inspect(ctx context.Context, what Inspection) (map[string]*node.Facts, error) {
	facts, err := f.InspectNodes(ctx, f.Everyone(), what)
	var failed NodeErrors
	if !f.AllowUnreachable || !errors.As(err, &failed) {
		return facts, err
	}
	err = leaveOut(f, failed)
	return f.Facts(), err
}

// InspectReached is Inspect for who only looks: a node that cannot be inspected, for
// whatever reason, is left out, as long as one control-plane node can be. Its error is
// a NodeErrors, or that of ctx.
func InspectReached(ctx context.Context, f *Fleet, what Inspection) (map[string]*node.Facts, error) {
	facts, err := f.InspectNodes(ctx, f.Everyone(), what)
	var failed NodeErrors
	if ctx.Err() != nil || !errors.As(err, &failed) || without(f, failed) == 0 {
		return facts, err
	}
	f.DropLost(failed)
	LeaveOut(f, failed)
	return f.Facts(), nil
}

// InspectNodes is Inspect for some of the nodes.
func (f *Fleet) InspectNodes(ctx context.Context, nodes []inventory.Node, what Inspection) (map[string]*node.Facts, error) {
	err := Each(nodes, func(n inventory.Node) error {
		found, err := f.InspectNode(ctx, n, what)
		if err != nil {
			return err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.facts == nil {
			f.facts = map[string]*node.Facts{}
		}
		f.facts[n.Name] = found
		return nil
	})
	return f.Facts(), err
}

// InspectNode inspects one node without a change of Facts.
func (f *Fleet) InspectNode(ctx context.Context, n inventory.Node, what Inspection) (*node.Facts, error) {
	h, err := f.Connect(ctx, n)
	if err != nil {
		return nil, err
	}
	var found *node.Facts
	err = f.Step(Event{Node: n.Name, Step: "inspecting", Brief: true}, func() (err error) {
		found, err = what.Of(ctx, h, f, n)
		return err
	})
	return found, err
}
