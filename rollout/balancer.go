package rollout

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/verify"
)

// activate makes the daemons of a node use their new files. A worker's kubelet is
// moved only after its balancer has reached an apiserver.
func (r *Rollout) activate(ctx context.Context, h node.Host, n plan.NodePlan) error {
	at, ok := n.Balancer()
	if !ok || n.Kubelet == node.Leave {
		return node.Activate(ctx, h, r.activateRequest(n))
	}
	first, second := n, n
	first.Kubelet = node.Leave
	second.HAProxy, second.ReadUnits, second.Enable, second.Disable = node.Leave, false, nil, nil
	if err := node.Activate(ctx, h, r.activateRequest(first)); err != nil {
		return err
	}
	r.Report(fleet.Event{Node: n.Node.Name, Step: fmt.Sprintf("waiting for an apiserver through %s", at), Usual: time.Second})
	if err := awaitBalancer(ctx, r.Fleet, n.Node, at); err != nil {
		return err
	}
	r.Report(fleet.Event{Node: n.Node.Name, Step: "kubelet", Usual: activateUsual})
	return node.Activate(ctx, h, r.activateRequest(second))
}

// awaitBalancer waits until a worker's balancer reaches an apiserver that is ready.
func awaitBalancer(ctx context.Context, f *fleet.Fleet, n inventory.Node, at netip.AddrPort) error {
	control, err := f.ControlPlane()
	if err != nil {
		return err
	}
	err = fleet.Retry{Patience: vipPatience}.Do(ctx, func() error { return verify.ThroughBalancer(ctx, f, control, n, at) })
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s: its kubelet is not moved to %s: %w", n.Name, at, err)
}
