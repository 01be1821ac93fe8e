package rollout

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// drainTime is how long requests at an apiserver have to end before the apiserver is
// stopped; most take less. Watches are not waited for: their clients open them again.
const drainTime = 3 * time.Second

// drain makes every haproxy send new connections to the other apiservers, until the
// returned function is called. Errors are ignored: the nodes end the drain by themselves
// after a minute, and without it HAProxy retries failed connections.
func (r *Rollout) drain(ctx context.Context, n inventory.Node) (ready func()) {
	drained, connections := r.drainOn(ctx, n)
	if !drained {
		return func() {}
	}
	if connections {
		r.letEnd(ctx, n)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
		defer cancel()
		_ = r.eachBalancer(func(on inventory.Node) error { // errors are ignored, see drain
			h, err := r.Connect(ctx, on)
			if err != nil {
				return err
			}
			return node.Undrain(ctx, h, n.Name)
		})
	}
}

// letEnd waits for requests to end, drainTime at most.
func (r *Rollout) letEnd(ctx context.Context, n inventory.Node) {
	_ = r.Step(fleet.Event{Node: n.Name, Step: "draining its apiserver", Usual: drainTime}, func() error {
		_ = fleet.Sleep(ctx, drainTime) // an interrupted rollout goes on at once
		return nil
	})
}

// drainLimit is longer than a node takes to drain a server.
const drainLimit = 15 * time.Second

// eachBalancer calls do on every node with a haproxy of the cluster.
func (r *Rollout) eachBalancer(do func(on inventory.Node) error) error {
	return fleet.Each(r.Reached(slices.Concat(r.Leaving(), r.Cluster.Nodes)), do)
}

// drainOn says whether a haproxy has drained the node's apiserver, and whether one of
// these still has connections to it or does not tell.
func (r *Rollout) drainOn(ctx context.Context, n inventory.Node) (drained, connected bool) {
	var some, busy atomic.Bool
	_ = r.eachBalancer(func(on inventory.Node) error { // errors are ignored, see drain
		h, err := r.Connect(ctx, on)
		if err != nil {
			return err
		}
		drained, idle, err := node.Drain(ctx, h, n.Name)
		if drained {
			some.Store(true)
			if !idle {
				busy.Store(true)
			}
		}
		return err
	})
	return some.Load(), busy.Load()
}
