package rollout

import (
	"context"
	"slices"
	"time"

	"github.com/kplb/kplb/doctor"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

// Options say how a plan is carried out.
type Options struct {
	// Window is how long a changed node waits for its confirmation, beyond the
	// restart of its apiserver, before it reverts the change by itself.
	Window time.Duration
	// Patience is how long the proof may take to come true.
	Patience time.Duration
	// Wait leaves the confirmation to a person, who calls Confirm.
	Wait bool
}

// Apply carries out the plan and proves it, or reverts everything.
//
// It locks all nodes (LockedError). All nodes check their new files at once; a
// NodeErrors says that nothing was changed anywhere. Then the nodes change in the
// order of plan.Plan.Batches, each armed to revert its change by itself. A change is
// confirmed only after a proof through the VIP, over a new connection. Any other end is
// a *StoppedError, which says what state each node is in.
func (r *Rollout) Apply(ctx context.Context, p *plan.Plan, o Options) (*verdict.Proof, error) {
	lock, err := r.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Release(ctx)
	r.token = lock.Token
	r.txn, r.window, r.armed = fleet.NewToken(), o.Window, nil
	if p.StartsVRRP() {
		if err := r.Step(doctor.Step(r.Cluster), func() error { return doctor.Precheck(ctx, r.Fleet, !p.OpensFirewall()) }); err != nil {
			return nil, err
		}
	}
	p, err = r.installPackages(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := r.stageAll(ctx, p); err != nil {
		r.tidy(ctx, err)
		return nil, err
	}
	endRenewing := r.startRenewing(ctx)
	err = r.carryOut(ctx, p)
	var proof *verdict.Proof
	var anew connections
	if err == nil {
		if !o.Wait {
			anew = r.dialFresh(ctx)
			defer anew.close()
		}
		proof, err = r.proven(ctx, p, o.Patience)
	}
	endRenewing()
	if err != nil {
		return proof, r.revert(ctx, err)
	}
	if o.Wait {
		err = r.awaitConfirmation(ctx)
	} else {
		err = r.confirmAll(ctx, anew)
	}
	if err != nil {
		return proof, err
	}
	if err = writeConfigMaps(ctx, r.Fleet, p.ConfigMaps); err == nil {
		err = forgetLeavers(ctx, r.Fleet)
	}
	if err != nil {
		return proof, &StoppedError{Cause: err, Changed: p.Changing()}
	}
	return proof, nil
}

// carryOut changes the nodes, one batch after the other.
func (r *Rollout) carryOut(ctx context.Context, p *plan.Plan) error {
	waiting := slices.ContainsFunc(p.Nodes, func(n plan.NodePlan) bool { return n.StartKeepalivedLast })
	for _, batch := range p.Batches() {
		if waiting && batch[0].AfterHolder() {
			waiting = false
			if err := r.startWaiting(ctx, p); err != nil {
				return err
			}
		}
		if batch[0].Node.Worker && len(batch[0].HAProxyListens) == 0 && !p.Uninstall {
			if err := awaitVIP(ctx, r.Fleet); err != nil {
				return err
			}
		}
		err := fleet.Each(nodesOf(batch), func(n inventory.Node) error {
			i := slices.IndexFunc(batch, func(p plan.NodePlan) bool { return p.Node.Name == n.Name })
			return r.applyNode(ctx, batch[i])
		})
		if err != nil {
			return err
		}
	}
	if waiting {
		return r.startWaiting(ctx, p)
	}
	return nil
}

// proven proves the result. Its error is a ProofError if the proof fails.
func (r *Rollout) proven(ctx context.Context, p *plan.Plan, patience time.Duration) (*verdict.Proof, error) {
	var proof *verdict.Proof
	err := r.Step(verify.Step, func() (err error) {
		proof, err = r.proofOf(p.Goal)(ctx, patience)
		return err
	})
	if err == nil && !proof.Acceptable() {
		err = &verdict.ProofError{Proof: proof}
	}
	return proof, err
}

// proofOf returns the function that proves a goal.
func (r *Rollout) proofOf(goal plan.Goal) func(ctx context.Context, patience time.Duration) (*verdict.Proof, error) {
	switch {
	case r.prover != nil:
		return func(ctx context.Context, patience time.Duration) (*verdict.Proof, error) {
			return r.prover(r, ctx, patience)
		}
	case goal == plan.Removed:
		return r.removed
	}
	return r.installed
}

// installed proves that the VIP leads to every apiserver. It inspects what a change
// has to know of the nodes.
func (r *Rollout) installed(ctx context.Context, patience time.Duration) (*verdict.Proof, error) {
	return verify.Installed(ctx, r.Fleet, r.inspection(), patience)
}

// removed proves that kplb no longer runs anything on the nodes.
func (r *Rollout) removed(ctx context.Context, patience time.Duration) (*verdict.Proof, error) {
	return verify.Removed(ctx, r.Fleet, r.inspection(), patience)
}
