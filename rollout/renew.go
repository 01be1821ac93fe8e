package rollout

import (
	"context"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// startRenewing renews the windows until the returned function is called.
func (t *transaction) startRenewing(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { t.renew(ctx) })
	return func() {
		cancel()
		renewing.Wait()
	}
}

// renew gives all armed nodes their whole window again while the rollout goes on. If
// the operator disappears, they revert by themselves.
func (t *transaction) renew(ctx context.Context) {
	ticker := time.NewTicker(max(t.window/4, time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_ = fleet.Each(nodesOf(t.progress.armedNodes()), func(n inventory.Node) error { // the next step notices a lost connection
			h, err := t.fleet.Connect(ctx, n)
			if err != nil {
				return err
			}
			return node.Renew(ctx, h, t.txn, t.lock.Token)
		})
	}
}
