package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// goneError says that a node which left the inventory cannot be restored.
type goneError struct {
	name string
	error
}

func (e *goneError) Unwrap() error { return e.error }

func (e *goneError) Error() string {
	return fmt.Sprintf("%s is no longer in the inventory and has to be cleaned: %v", e.name, e.error)
}

// Hint says what to do about it.
func (e *goneError) Hint() string {
	return "if the machine is gone for good, give --forget " + e.name + "; never let it come back to this network with its keepalived running"
}

// inspectLeavers finds and inspects the nodes that leave, except those in Forgotten.
func (r *Rollout) inspectLeavers(ctx context.Context, facts map[string]*node.Facts) (map[string]*node.Facts, error) {
	r.Fleet.SetLeaving(slices.DeleteFunc(plan.Leavers(r.Fleet.Cluster, facts), func(n inventory.Node) bool { return slices.Contains(r.Forgotten, n.Name) }))
	if len(r.Fleet.Leaving()) == 0 {
		return facts, nil
	}
	facts, err := r.Fleet.InspectNodes(ctx, r.Fleet.Leaving(), fleet.Inspection{Unmanaged: true})
	var failed fleet.NodeErrors
	if errors.As(err, &failed) {
		for name, err := range failed {
			failed[name] = &goneError{name, err}
		}
		return nil, failed
	}
	return facts, err
}

// forgetLeavers removes kplb's own data from the nodes that have left.
func forgetLeavers(ctx context.Context, f *fleet.Fleet, token string) error {
	return fleet.Each(f.Leaving(), func(n inventory.Node) error { return forget(ctx, f, n, token) })
}
