package rollout

import (
	"context"
	"slices"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/verdict"
)

// transaction is one change of the nodes: it ends with their confirmation, or with the
// revert of all of them.
type transaction struct {
	fleet      *fleet.Fleet
	txn        string           // by which the nodes know the change
	lock       *fleet.Lock      // that is held meanwhile
	window     time.Duration    // see Options
	inspection fleet.Inspection // what the nodes are asked meanwhile
	progress   *progress
}

func newTransaction(f *fleet.Fleet, lock *fleet.Lock, window time.Duration, inspection fleet.Inspection) *transaction {
	return &transaction{fleet: f, txn: fleet.NewToken(), lock: lock, window: window, inspection: inspection, progress: &progress{}}
}

// inspectionFor is what the nodes are asked while the plans are carried out. The paths of
// a generation come from the facts: where a node is restored, they are asked for what the
// inventory does not manage, as they were for the plan.
func inspectionFor(plans ...*plan.Plan) fleet.Inspection {
	restores := func(n plan.NodePlan) bool { return n.Restore || n.Leaving }
	return fleet.Inspection{Unmanaged: slices.ContainsFunc(plans, func(p *plan.Plan) bool { return slices.ContainsFunc(p.Nodes, restores) })}
}

// carryOut changes the nodes, proves the result, and has it confirmed. It reverts
// everything if one of these fails before a node has confirmed.
func (t *transaction) carryOut(ctx context.Context, p *plan.Plan, o Options, prove prover) (*verdict.Proof, error) {
	endRenewing := t.startRenewing(ctx)
	err := t.change(ctx, p)
	var proof *verdict.Proof
	var anew connections
	if err == nil {
		if !o.Wait {
			anew = dialFresh(ctx, t.fleet, nodesOf(t.progress.armedNodes()))
			defer anew.close()
		}
		proof, err = proofOf(ctx, t.fleet, t.inspection, o.Patience, prove)
	}
	endRenewing()
	switch {
	case err != nil:
		return proof, t.revert(ctx, err)
	case o.Wait:
		return proof, t.awaitConfirmation(ctx)
	}
	return proof, t.confirm(ctx, anew)
}

// change changes the nodes, one batch after the other.
func (t *transaction) change(ctx context.Context, p *plan.Plan) error {
	waiting := slices.ContainsFunc(p.Nodes, startsKeepalivedLast)
	batches := p.Batches()
	for i, batch := range batches {
		if waiting && batch[0].AfterHolder() && !slices.ContainsFunc(batches[i:], comesFirst) {
			waiting = false
			if err := t.startWaiting(ctx, p); err != nil {
				return err
			}
		}
		if batch[0].Node.Worker && len(batch[0].HAProxyListens) == 0 && !p.Uninstall {
			if err := awaitVIP(ctx, t.fleet); err != nil {
				return err
			}
		}
		if err := eachPlan(batch, func(n plan.NodePlan) error { return t.changeNode(ctx, n) }); err != nil {
			return err
		}
	}
	if waiting {
		return t.startWaiting(ctx, p)
	}
	return nil
}

// comesFirst says whether a keepalived that has waited starts only after this batch: one of
// its nodes has the VIP, or waits itself.
func comesFirst(batch []plan.NodePlan) bool {
	return slices.ContainsFunc(batch, func(n plan.NodePlan) bool { return n.Holder || startsKeepalivedLast(n) })
}

// eachPlan calls do for several nodes at once, see fleet.Each.
func eachPlan(plans []plan.NodePlan, do func(plan.NodePlan) error) error {
	return fleet.Each(nodesOf(plans), func(n inventory.Node) error {
		i := slices.IndexFunc(plans, func(p plan.NodePlan) bool { return p.Node.Name == n.Name })
		return do(plans[i])
	})
}

func nodesOf(plans []plan.NodePlan) []inventory.Node {
	out := make([]inventory.Node, len(plans))
	for i, p := range plans {
		out[i] = p.Node
	}
	return out
}

// selected are the nodes that choose selects.
func selected(plans []plan.NodePlan, choose func(plan.NodePlan) bool) []plan.NodePlan {
	return slices.DeleteFunc(slices.Clone(plans), func(n plan.NodePlan) bool { return !choose(n) })
}
