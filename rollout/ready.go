package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/verify"
)

// othersPatience is longer than an etcd hesitates when it gets a member or
// elects a leader, in which time every apiserver says that it is not ready.
const othersPatience = 15 * time.Second

// awaitQuorate gives quorate time to come true.
func (r *Rollout) awaitQuorate(ctx context.Context, without inventory.Node) error {
	waiting := fleet.Event{Node: without.Name, Step: "waiting for the other apiservers", Usual: verify.Usual, Brief: true}
	return r.During(waiting, func(waits func(string)) error {
		return fleet.Retry{Patience: othersPatience, Waits: waits}.Do(ctx, func() error { return r.quorate(ctx, without) })
	})
}

// ready asks whether the apiserver at an address is ready, with the connections
// that there are now.
func (r *Rollout) ready(ctx context.Context, through string, at netip.AddrPort) error {
	control, err := r.ControlPlane()
	if err != nil {
		return err
	}
	return control.Ready(ctx, through, at)
}

// awaitReady waits until a node's apiserver says that it is ready.
func (r *Rollout) awaitReady(ctx context.Context, n inventory.Node, waits func(string)) error {
	if _, err := r.ControlPlane(); err != nil { // no waiting changes that
		return err
	}
	var name *apiserver.NameError // no waiting changes that
	err := fleet.Retry{Patience: plan.RestartLimit, Waits: waits}.Do(ctx, func() error {
		err := r.ready(ctx, n.Name, r.Cluster.APIServerAddress(n))
		if errors.As(err, &name) {
			return nil
		}
		return err
	})
	switch {
	case name != nil:
		return fmt.Errorf("%s: %w", n.Name, name)
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%s: the apiserver is not ready after %s: %w", n.Name, plan.RestartLimit, err)
}

// awaitVIP waits until clients that move to the VIP find an apiserver there.
func (r *Rollout) awaitVIP(ctx context.Context) error {
	if _, err := r.ControlPlane(); err != nil { // no waiting changes that
		return err
	}
	waiting := fleet.Event{Step: "waiting for an apiserver behind the VIP", Usual: verify.Usual, Brief: true}
	return r.During(waiting, func(waits func(string)) error {
		err := fleet.Retry{Patience: vipPatience, Waits: waits}.Do(ctx, func() error {
			return r.ready(ctx, r.Present()[0].Name, r.Cluster.Entrance())
		})
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		return fmt.Errorf("workers are not moved to the VIP: %w", err)
	})
}

// vipPatience is more than an election and HAProxy's first checks take.
const vipPatience = 20 * time.Second
