package rollout

import (
	"context"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

func startsKeepalivedLast(n plan.NodePlan) bool { return n.StartKeepalivedLast }

// startWaiting starts keepalived on the nodes that have waited for the holder to
// change.
func (t *transaction) startWaiting(ctx context.Context, p *plan.Plan) error {
	return eachPlan(selected(p.Nodes, startsKeepalivedLast), func(n plan.NodePlan) error {
		h, err := t.fleet.Connect(ctx, n.Node)
		if err != nil {
			return err
		}
		n.HAProxy, n.Kubelet, n.Sysctl, n.ReadUnits, n.Enable, n.Disable = node.Leave, node.Leave, node.SysctlLeave, false, nil, nil
		n.Keepalived, n.UFWAllow, n.UFWDelete = node.Start, nil, nil
		starting := fleet.Event{Node: n.Node.Name, Step: "starting keepalived", Usual: activateUsual}
		if err := t.fleet.Step(starting, func() error { return node.Activate(ctx, h, fleet.LayoutOf(t.fleet.Cluster), t.activateRequest(n)) }); err != nil {
			return err
		}
		t.progress.activatedNow()
		t.fleet.Report(fleet.Event{Node: n.Node.Name, Step: "changed", Done: true})
		return nil
	})
}
