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

// othersPatience is longer than etcd takes to add a member or to elect a leader; every
// apiserver is not ready in that time.
const othersPatience = 15 * time.Second

// vipPatience is longer than an election and HAProxy's first checks take.
const vipPatience = 20 * time.Second

// awaitQuorate waits until quorate succeeds.
func awaitQuorate(ctx context.Context, f *fleet.Fleet, without inventory.Node) error {
	waiting := fleet.Event{Node: without.Name, Step: "waiting for the other apiservers", Usual: verify.Usual, Brief: true}
	return f.During(waiting, func(waits func(string)) error {
		return fleet.Retry{Patience: othersPatience, Waits: waits}.Do(ctx, func() error { return quorate(ctx, f, without) })
	})
}

// quorate checks that the control plane works without the apiserver of a node.
func quorate(ctx context.Context, f *fleet.Fleet, without inventory.Node) error {
	control, err := f.ControlPlane()
	if err != nil {
		return err
	}
	return control.Quorate(ctx, without)
}

// ready asks whether the apiserver at an address is ready, over the current
// connections.
func ready(ctx context.Context, f *fleet.Fleet, through string, at netip.AddrPort) error {
	control, err := f.ControlPlane()
	if err != nil {
		return err
	}
	return control.Ready(ctx, through, at)
}

// awaitReady waits until a node's apiserver is ready.
func awaitReady(ctx context.Context, f *fleet.Fleet, n inventory.Node, waits func(string)) error {
	if _, err := f.ControlPlane(); err != nil { // waiting does not change that
		return err
	}
	var name *apiserver.NameError // waiting does not change that
	err := fleet.Retry{Patience: plan.RestartLimit, Waits: waits}.Do(ctx, func() error {
		err := ready(ctx, f, n.Name, f.Cluster.APIServerAddress(n))
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

// awaitVIP waits until the VIP leads to an apiserver, before clients move to it.
func awaitVIP(ctx context.Context, f *fleet.Fleet) error {
	if _, err := f.ControlPlane(); err != nil { // waiting does not change that
		return err
	}
	waiting := fleet.Event{Step: "waiting for an apiserver behind the VIP", Usual: verify.Usual, Brief: true}
	return f.During(waiting, func(waits func(string)) error {
		err := fleet.Retry{Patience: vipPatience, Waits: waits}.Do(ctx, func() error {
			return ready(ctx, f, f.Present()[0].Name, f.Cluster.Entrance())
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

// silently ignores what a step waits for.
func silently(string) {}
