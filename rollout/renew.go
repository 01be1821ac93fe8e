package rollout

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// startRenewing renews the windows until the returned function is called.
func (r *Rollout) startRenewing(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { r.renew(ctx) })
	return func() {
		cancel()
		renewing.Wait()
	}
}

// renew gives all armed nodes their whole window again while the rollout goes on. If
// the operator disappears, they revert by themselves.
func (r *Rollout) renew(ctx context.Context) {
	t := time.NewTicker(max(r.window/4, time.Second))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		r.mu.Lock()
		armed := slices.Clone(r.armed)
		r.mu.Unlock()
		_ = fleet.Each(nodesOf(armed), func(n inventory.Node) error { // the next step notices a lost connection
			h, err := r.Connect(ctx, n)
			if err != nil {
				return err
			}
			return node.Renew(ctx, h, r.txn)
		})
	}
}

func nodesOf(plans []plan.NodePlan) []inventory.Node {
	out := make([]inventory.Node, len(plans))
	for i, p := range plans {
		out[i] = p.Node
	}
	return out
}
