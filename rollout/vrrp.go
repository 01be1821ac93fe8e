package rollout

import (
	"context"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// startWaiting starts keepalived on the nodes that have waited for the holder to
// change.
func (r *Rollout) startWaiting(ctx context.Context, p *plan.Plan) error {
	waits := func(n plan.NodePlan) bool { return n.StartKeepalivedLast }
	return r.eachPlan(p, waits, func(n plan.NodePlan) error {
		h, err := r.Connect(ctx, n.Node)
		if err != nil {
			return err
		}
		n.HAProxy, n.Kubelet, n.Sysctl, n.ReadUnits, n.Enable, n.Disable = node.Leave, node.Leave, node.SysctlLeave, false, nil, nil
		n.Keepalived, n.UFWAllow, n.UFWDelete = node.Start, nil, nil
		starting := fleet.Event{Node: n.Node.Name, Step: "starting keepalived", Usual: activateUsual}
		if err := r.Step(starting, func() error { return node.Activate(ctx, h, r.activateRequest(n)) }); err != nil {
			return err
		}
		r.mu.Lock()
		r.activated = time.Now()
		r.mu.Unlock()
		r.Report(fleet.Event{Node: n.Node.Name, Step: "changed", Done: true})
		return nil
	})
}
