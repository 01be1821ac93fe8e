package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/verify"
)

// RefuseSick refuses a plan that could not be proven now, or that would stop half way,
// because an apiserver or etcd is not well and the plan does not mend that. It asks for at
// most patience. Its error is a refusal.Error.
func (r *Rollout) RefuseSick(ctx context.Context, p *plan.Plan, patience time.Duration) error {
	if p.Empty() {
		return nil
	}
	asking := fleet.Event{Step: "asking the apiservers", Usual: verify.Usual, Brief: true}
	return r.Fleet.During(asking, func(waits func(string)) error {
		err := fleet.Retry{Patience: patience, Waits: waits}.Do(ctx, func() error { return sick(ctx, r.Fleet, p) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	})
}

// sick names what of the control plane is not well.
func sick(ctx context.Context, f *fleet.Fleet, p *plan.Plan) error {
	control, err := f.ControlPlane()
	if err != nil {
		return fleet.Final(err)
	}
	var failed fleet.NodeErrors
	errors.As(fleet.Each(f.Present(), func(n inventory.Node) error {
		return exceptName(control.Ready(ctx, n.Name, f.Cluster.APIServerAddress(n)))
	}), &failed)
	var refused refusal.Error
	mended := false
	for _, n := range p.Nodes {
		err := failed[n.Node.Name]
		switch {
		case err == nil:
		case n.MayMend(f.Cluster, p.Facts[n.Node.Name]):
			mended = true
		default:
			refused.Refusals = append(refused.Refusals, refusal.Refusal{
				Node: n.Node.Name, What: "its apiserver is not ready, so no change could be proven: " + strings.TrimPrefix(err.Error(), n.Node.Name+": "),
				Hint: fmt.Sprintf("look at `crictl ps -a` and `journalctl -u kubelet` on %s, or take it out of the inventory", n.Node.Name),
			})
		}
	}
	if len(refused.Refusals) > 0 {
		return &refused
	}
	i := slices.IndexFunc(p.Nodes, plan.NodePlan.RestartsAPIServer)
	if i < 0 || mended || p.NeedsAbsent() { // one that is mended first decides about those after it
		return nil
	}
	if err := control.Quorate(ctx, p.Nodes[i].Node); err != nil {
		name := p.Nodes[i].Node.Name
		return &refusal.Error{Refusals: []refusal.Refusal{{
			Node: name, What: strings.TrimPrefix(err.Error(), name+": "), Hint: "look at `kplb status`, and at the logs of etcd on the nodes (`crictl logs`)",
		}}}
	}
	return nil
}

// exceptName is err, unless an apiserver answers and only its certificate lacks a name:
// a plan has its own answer to that.
func exceptName(err error) error {
	var name *apiserver.NameError
	if errors.As(err, &name) {
		err = nil
	}
	return err
}
