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

// Options are how a plan is carried out.
type Options struct {
	// Window is how long a changed node waits for its confirmation, beyond the
	// restart of its apiserver, before it takes the change back by itself.
	Window time.Duration
	// Patience is how long the proof may take to come true.
	Patience time.Duration
	// Wait leaves the confirmation to a person, see Confirm.
	Wait bool
}

// Apply carries out the plan and proves it, or takes everything back.
//
// It locks all nodes (LockedError). Every node checks its new files, all at
// once: a NodeErrors says that nothing was changed anywhere. Then one node
// changes, the others follow, and the VIP's holder comes last, see plan.Plan.Batches;
// each is armed to take its change back by itself.
// Only a proof through the VIP, and then a confirmation over a new
// connection, make the change last. Anything else is a *StoppedError, which
// says what is where.
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
	if err = r.writeConfigMaps(ctx, p.ConfigMaps); err == nil {
		err = r.forgetLeavers(ctx)
	}
	if err != nil {
		return proof, &StoppedError{Cause: err, Changed: p.Changing()}
	}
	return proof, nil
}

// carryOut changes the nodes, batch after batch.
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
			if err := r.awaitVIP(ctx); err != nil {
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

// proven proves the result; a proof that does not come true is a ProofError.
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

// proofOf is what proves that a goal has been reached.
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

// installed proves that the VIP leads to every apiserver, with what has to be known
// of the nodes for a change.
func (r *Rollout) installed(ctx context.Context, patience time.Duration) (*verdict.Proof, error) {
	return verify.Installed(ctx, r.Fleet, r.inspection(), patience)
}

// removed proves that nothing of kplb is at work any more.
func (r *Rollout) removed(ctx context.Context, patience time.Duration) (*verdict.Proof, error) {
	return verify.Removed(ctx, r.Fleet, r.inspection(), patience)
}
