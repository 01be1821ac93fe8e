package rollout

import (
	"context"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

// prover proves the result of a change. It inspects the nodes as what says, for at most
// patience.
type prover func(ctx context.Context, f *fleet.Fleet, what fleet.Inspection, patience time.Duration) (*verdict.Proof, error)

// proverOf returns what proves a goal.
func (r *Rollout) proverOf(goal plan.Goal) prover {
	switch {
	case r.prove != nil:
		return r.prove
	case goal == plan.Removed:
		return verify.Removed
	}
	return verify.Installed
}

// proofOf is the proof of a change, as a step. Its error is a ProofError if the proof fails.
func proofOf(ctx context.Context, f *fleet.Fleet, what fleet.Inspection, patience time.Duration, prove prover) (*verdict.Proof, error) {
	var proof *verdict.Proof
	err := f.Step(verify.Step, func() (err error) {
		proof, err = prove(ctx, f, what, patience)
		return err
	})
	if err == nil && !proof.Acceptable() {
		err = &verdict.ProofError{Proof: proof}
	}
	return proof, err
}
