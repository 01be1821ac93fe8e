package rollout

import (
	"context"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
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
// changes, the others follow, and the VIP's holder comes last, see batches;
// each is armed to take its change back by itself.
// Only a proof through the VIP, and then a confirmation over a new
// connection, make the change last. Anything else is a *StoppedError, which
// says what is where.
func (r *Rollout) Apply(ctx context.Context, p *Plan, o Options) (*Proof, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r.txn, r.window, r.armed = newToken(), o.Window, nil
	if p.speaks() {
		if err := r.step(r.listening(), func() error { return r.precheck(ctx, !p.opens()) }); err != nil {
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
	var proof *Proof
	var anew connections
	if err == nil {
		if !o.Wait {
			anew = r.dialAnew(ctx)
			defer anew.close()
		}
		proof, err = r.proven(ctx, p, o.Patience)
	}
	endRenewing()
	if err != nil {
		return proof, r.takeBack(ctx, err)
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

func (r *Rollout) listening() Event {
	return Event{Step: "listening for others on " + joined(r.Cluster.VIPs, " and "), Usual: precheckUsual}
}

// precheckUsual is how long precheck listens.
const precheckUsual = 5 * time.Second

// speaks says whether somebody begins to speak VRRP, or does so under another
// identity.
func (p *Plan) speaks() bool {
	return slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return n.Keepalived == node.Start || n.Keepalived == node.Restart })
}

// opens says whether a firewall is opened: until then, nodes may not hear
// each other.
func (p *Plan) opens() bool {
	return slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return len(n.open) > 0 })
}

// carryOut changes the nodes, batch after batch.
func (r *Rollout) carryOut(ctx context.Context, p *Plan) error {
	waiting := slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return n.waits })
	for _, batch := range batches(p.Nodes) {
		if waiting && batch[0].after() {
			waiting = false
			if err := r.startWaiting(ctx, p); err != nil {
				return err
			}
		}
		if batch[0].Node.Worker && len(batch[0].serves) == 0 && !p.away {
			if err := r.awaitVIP(ctx); err != nil {
				return err
			}
		}
		err := r.each(nodesOf(batch), func(n inventory.Node) error {
			i := slices.IndexFunc(batch, func(p NodePlan) bool { return p.Node.Name == n.Name })
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
func (r *Rollout) proven(ctx context.Context, p *Plan, patience time.Duration) (*Proof, error) {
	var proof *Proof
	err := r.step(proving, func() (err error) {
		proof, err = p.prove(r, ctx, patience)
		return err
	})
	if err == nil && !proof.Works() {
		err = &ProofError{proof}
	}
	return proof, err
}

var proving = Event{Step: "proving /healthz through the VIP", Usual: proofUsual}

// proofUsual is how long the proof takes after a change: HAProxy's first
// checks, and an election.
const proofUsual = 4 * time.Second
