package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
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
	if err = r.writeObjects(ctx, p.Objects); err == nil {
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
	return slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return n.Keepalived == Start || n.Keepalived == Restart })
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

// after says whether the node changes after the VIP's holder.
func (n NodePlan) after() bool {
	return n.Node.Worker || !n.Holder && !n.Leaving && n.Keepalived == Start
}

// batches says which nodes may change at once: a canary alone, then the
// others, and the VIP's holder, which the plan has last, alone again. Where an
// apiserver restarts, the node is always alone.
func batches(plans []NodePlan) [][]NodePlan {
	var out [][]NodePlan
	together := false // the last batch takes more
	canary := false   // has changed: those that leave are none
	for _, p := range plans {
		if p.Empty() {
			continue
		}
		alone := !canary || p.Leaving || p.Holder || p.Listen != ""
		canary = canary || !p.Leaving
		if together && !alone {
			out[len(out)-1] = append(out[len(out)-1], p)
			continue
		}
		out, together = append(out, []NodePlan{p}), !alone
	}
	return out
}

// awaitVIP waits until clients that move to the VIP find an apiserver there.
func (r *Rollout) awaitVIP(ctx context.Context) error {
	ca, err := r.authority()
	if err != nil {
		return err
	}
	waiting := Event{Step: "waiting for an apiserver behind the VIP", Usual: proofUsual, Brief: true}
	return r.during(waiting, func(waits func(string)) error {
		for deadline := time.Now().Add(vipPatience); ; {
			err := r.readyz(ctx, r.hosts[r.present()[0].Name], ca, r.Cluster.Entrance())
			if err == nil || ctx.Err() != nil {
				return ctx.Err()
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("workers are not moved to the VIP: %w", err)
			}
			waits(err.Error())
			time.Sleep(again)
		}
	})
}

// vipPatience is more than an election and HAProxy's first checks take.
const vipPatience = 20 * time.Second

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

// ProofError says that the proof did not come true.
type ProofError struct{ Proof *Proof }

func (e *ProofError) Error() string {
	var no []string
	for _, c := range e.Proof.Checks {
		if !c.OK {
			no = append(no, c.String())
		}
	}
	return "not proven: " + strings.Join(no, "; ")
}

// stageAll has every node stage its files and check them with its own daemons,
// so that nothing but renames and reloads is left to do.
func (r *Rollout) stageAll(ctx context.Context, p *Plan) error {
	return r.eachPlan(p, func(n NodePlan) bool { return !n.Empty() }, func(n NodePlan) error {
		h, err := r.host(ctx, n.Node)
		if err != nil {
			return err
		}
		checking := Event{Node: n.Node.Name, Step: "checking the new files", Usual: transactUsual, Brief: true}
		return r.step(checking, func() error { return run(ctx, h, n.Node.Name, r.stageScript(n), nil) })
	})
}

// eachPlan does the same for all nodes that are chosen, at once.
func (r *Rollout) eachPlan(p *Plan, choose func(NodePlan) bool, do func(NodePlan) error) error {
	var nodes []inventory.Node
	plans := map[string]NodePlan{}
	for _, n := range p.Nodes {
		if choose(n) {
			nodes, plans[n.Node.Name] = append(nodes, n.Node), n
		}
	}
	return r.each(nodes, func(n inventory.Node) error { return do(plans[n.Name]) })
}

// applyNode changes one node. It is armed from the first change on.
func (r *Rollout) applyNode(ctx context.Context, n NodePlan) error {
	h, err := r.host(ctx, n.Node)
	if err != nil {
		return err
	}
	if n.Listen != "" {
		if err := r.awaitQuorate(ctx, n.Node); err != nil {
			return err
		}
	}
	installing := Event{Node: n.Node.Name, Step: "installing files", Usual: transactUsual}
	if err := r.step(installing, func() error { return r.transact(ctx, h, n) }); err != nil {
		return err
	}
	// haproxy needs its port: the apiserver leaves it before haproxy starts, and takes it after haproxy has stopped
	if n.Listen != "" && !n.apiserverLast() {
		if err := r.apiserver(ctx, h, n); err != nil {
			return err
		}
	}
	activating := Event{Node: n.Node.Name, Step: n.activates(), Usual: n.activateUsual()}
	if err := r.step(activating, func() error { return r.activate(ctx, h, n) }); err != nil {
		return err
	}
	if n.HAProxy != Leave || n.Keepalived != Leave {
		r.mu.Lock()
		r.activated = time.Now()
		r.mu.Unlock()
	}
	if n.Listen != "" && n.apiserverLast() {
		if err := r.apiserver(ctx, h, n); err != nil {
			return err
		}
	}
	r.report(Event{Node: n.Node.Name, Step: "changed", Done: true})
	return nil
}

// activateUsual is longer where a daemon starts: it is watched for a moment.
func (n NodePlan) activateUsual() time.Duration {
	for _, a := range []Action{n.HAProxy, n.Keepalived, n.Kubelet} {
		if a == Start || a == Restart {
			return activateUsual
		}
	}
	return reloadUsual
}

// activates names what takes new files on the node.
func (n NodePlan) activates() string {
	switch {
	case n.Node.Worker && n.HAProxy != Leave:
		return "haproxy"
	case n.Node.Worker:
		return "kubelet"
	}
	return "haproxy and keepalived"
}

// transact arms the node and puts its files in place. Unless the node has
// refused, it may be armed, whatever the error.
func (r *Rollout) transact(ctx context.Context, h Host, n NodePlan) error {
	err := run(ctx, h, n.Node.Name, r.transactScript(), nil)
	var refused *refusedByNode
	if !errors.As(err, &refused) {
		r.mu.Lock()
		r.armed = append(r.armed, n)
		r.mu.Unlock()
	}
	return err
}

// windowOf is a node's own window. Apiservers that go back by themselves do
// so one after the other: each later node waits for one more restart.
func (r *Rollout) windowOf(n NodePlan) time.Duration {
	if n.Listen == "" {
		return r.window
	}
	window := r.window + apiserverRestart
	for _, other := range r.Cluster.Nodes {
		if other.Name == n.Node.Name {
			break
		}
		window += apiserverRestart
	}
	return window
}

// installPackages installs what is missing, on all nodes at once, after every
// node has fetched it. The versions are known only then, so it plans again.
func (r *Rollout) installPackages(ctx context.Context, p *Plan) (*Plan, error) {
	missing := func(n NodePlan) bool { return len(n.Packages) > 0 }
	if !slices.ContainsFunc(p.Nodes, missing) {
		return p, nil
	}
	all := func(what string, check bool) error {
		return r.eachPlan(p, missing, func(n NodePlan) error {
			h, err := r.host(ctx, n.Node)
			if err != nil {
				return err
			}
			step := Event{Node: n.Node.Name, Step: what + " " + strings.Join(n.Packages, " and "), Usual: packagesUsual}
			return r.step(step, func() error { return run(ctx, h, n.Node.Name, packagesScript(n.Packages, check), nil) })
		})
	}
	if err := all("fetching", true); err != nil {
		return nil, err
	}
	err := all("installing", false)
	if err == nil {
		p, err = r.Plan(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("after installing packages, which stay: %w", err)
	}
	return p, nil
}
