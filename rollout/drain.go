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
func drain(ctx context.Context, f *fleet.Fleet, n inventory.Node) (ready func()) {
	drained, connections := drainOn(ctx, f, n)
	if !drained {
		return func() {}
	}
	if connections {
		letEnd(ctx, f, n)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
		defer cancel()
		_ = eachBalancer(f, func(on inventory.Node) error { // errors are ignored, see drain
			h, err := f.Connect(ctx, on)
			if err != nil {
				return err
			}
			return node.Undrain(ctx, h, n.Name)
		})
	}
}

// letEnd waits for requests to end, drainTime at most.
func letEnd(ctx context.Context, f *fleet.Fleet, n inventory.Node) {
	_ = f.Step(fleet.Event{Node: n.Name, Step: "draining its apiserver", Usual: drainTime}, func() error {
		_ = fleet.Sleep(ctx, drainTime) // an interrupted rollout goes on at once
		return nil
	})
}

// drainLimit is longer than a node takes to drain a server.
const drainLimit = 15 * time.Second

// eachBalancer calls do on every node with a haproxy of the cluster.
func eachBalancer(f *fleet.Fleet, do func(on inventory.Node) error) error {
	return fleet.Each(f.Reached(slices.Concat(f.Leaving(), f.Cluster.Nodes)), do)
}

// drainOn says whether a haproxy has drained the node's apiserver, and whether one of
// these still has connections to it or does not tell.
func drainOn(ctx context.Context, f *fleet.Fleet, n inventory.Node) (drained, connected bool) {
	var some, busy atomic.Bool
	_ = eachBalancer(f, func(on inventory.Node) error { // errors are ignored, see drain
		h, err := f.Connect(ctx, on)
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
