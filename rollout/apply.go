package rollout

import (
	"context"
	"time"

	"github.com/kplb/kplb/doctor"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/verdict"
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
	lock, err := r.Fleet.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Release(ctx)
	if err := RefuseOthers(ctx, r.Fleet, p); err != nil {
		return nil, err
	}
	first := p
	if p, err = r.installPackages(ctx, p, lock); err != nil {
		return nil, err
	}
	t := newTransaction(r.Fleet, lock, o.Window, inspectionFor(first, p))
	defer t.release(ctx)
	if err := t.stage(ctx, p); err != nil {
		t.tidy(ctx, err)
		return nil, err
	}
	proof, err := t.carryOut(ctx, p, o, r.proverOf(p.Goal))
	if err != nil {
		return proof, err
	}
	if err := t.finish(ctx, p); err != nil {
		return proof, &StoppedError{Cause: err, Changed: p.Changing()}
	}
	return proof, nil
}

// RefuseOthers listens for who else has a VIP or its virtual router ID, if the plan starts
// keepalived anywhere. Its error is a refusal.Error, or a fleet.NodeErrors where listening
// did not work.
func RefuseOthers(ctx context.Context, f *fleet.Fleet, p *plan.Plan) error {
	if !p.StartsVRRP() {
		return nil
	}
	return f.Step(doctor.Step(f.Cluster), func() error { return doctor.Precheck(ctx, f, !p.OpensFirewall()) })
}

// finish does what follows once every node has confirmed.
func (t *transaction) finish(ctx context.Context, p *plan.Plan) error {
	// the nodes have confirmed: what they are is told to the others, too
	leveled, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	lacking := p.Lack()
	if len(p.ConfigMaps) == 0 && len(t.fleet.Leaving()) == 0 && len(lacking) == 0 {
		return nil
	}
	if err := t.lockAgain(leveled); err != nil {
		return err
	}
	l := leveling{t.txn, t.lock.Token, aboutOf(t.fleet), p.Record}
	if err := l.all(leveled, t.fleet, lacking); err != nil {
		return err
	}
	if err := writeConfigMaps(ctx, t.fleet, p.ConfigMaps); err != nil {
		return err
	}
	return forgetLeavers(ctx, t.fleet, t.lock.Token)
}
