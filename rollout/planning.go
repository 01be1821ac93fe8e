package rollout

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// Plan inspects the nodes and compares them with the inventory. Its error is
// a NodeErrors, or a refusal.Error that names everything in the way.
func (r *Rollout) Plan(ctx context.Context) (*plan.Plan, error) {
	return r.plan(ctx, fleet.Inspection{})
}

// PlanReached is Plan for who only looks: a node that cannot be inspected, for whatever
// reason, is left out, as long as one control-plane node can be.
func (r *Rollout) PlanReached(ctx context.Context) (*plan.Plan, error) {
	r.Fleet.SetLeaving(nil)
	facts, err := fleet.InspectReached(ctx, r.Fleet, fleet.Inspection{})
	if err != nil {
		return nil, err
	}
	facts, m, err := identify(ctx, r, facts)
	var failed fleet.NodeErrors
	switch {
	case err != nil && (ctx.Err() != nil || !errors.As(err, &failed)):
		return nil, err
	case err != nil:
		fleet.LeaveOut(r.Fleet, failed)
		facts = r.Fleet.Facts()
	}
	return r.planFor(ctx, facts, m)
}

// PlanChange is Plan for who means to carry the plan out: a LockedError names the
// operator who is at work on the nodes.
func (r *Rollout) PlanChange(ctx context.Context) (*plan.Plan, error) {
	facts, m, err := r.inspect(ctx, fleet.Inspection{}, r.Fleet.RefuseLocked)
	if err != nil {
		return nil, err
	}
	p, err := r.planFor(ctx, facts, m)
	if err == nil {
		err = p.RefuseAbsent()
	}
	if err == nil {
		err = r.RefuseSick(ctx, p, othersPatience)
	}
	return p, err
}

// plan is Plan, with an inspection of the caller's.
func (r *Rollout) plan(ctx context.Context, what fleet.Inspection) (*plan.Plan, error) {
	facts, m, err := r.inspect(ctx, what, func() error { return nil })
	if err != nil {
		return nil, err
	}
	return r.planFor(ctx, facts, m)
}

// inspect inspects the nodes of the inventory and those that leave, and says whose they
// are. refuse is asked after each of the two.
func (r *Rollout) inspect(ctx context.Context, what fleet.Inspection, refuse func() error) (facts map[string]*node.Facts, m member.Membership, err error) {
	r.Fleet.SetLeaving(nil)
	if facts, err = inspectAll(ctx, r.Fleet, what); err != nil {
		return nil, m, err
	}
	if err = refuse(); err != nil {
		return nil, m, err
	}
	if facts, m, err = identify(ctx, r, facts); err != nil {
		return nil, m, err
	}
	return facts, m, refuse()
}

// identify says whose the nodes are, and inspects those that leave.
func identify(ctx context.Context, r *Rollout, facts map[string]*node.Facts) (map[string]*node.Facts, member.Membership, error) {
	m, err := member.Identify(r.Fleet.Cluster, r.Fleet.Everyone(), facts, r.claims())
	if err != nil {
		return nil, m, err
	}
	facts, err = inspectLeavers(ctx, r, facts, m)
	return facts, m, err
}

// planFor plans for nodes with these facts.
func (r *Rollout) planFor(ctx context.Context, facts map[string]*node.Facts, m member.Membership) (_ *plan.Plan, err error) {
	in := r.input(facts)
	in.Former, in.TakenOver = m.Strangers(in.Cluster, facts), m.TakenOver(in.Cluster, facts)
	if in.ClusterConfiguration, err = loadConfiguration(ctx, r.Fleet, in); err != nil {
		return nil, err
	}
	p, err := planFitting(ctx, r.Fleet, in)
	if err == nil {
		err = refuseKubelets(ctx, r.Fleet, p)
	}
	if err != nil {
		return nil, err
	}
	addRecord(r, p, m)
	return p, addConfigMaps(ctx, r.Fleet, p)
}

// planRemoval plans to bring every node to its state before kplb.
func planRemoval(ctx context.Context, r *Rollout, facts map[string]*node.Facts, m member.Membership) (*plan.Plan, error) {
	if err := r.proveGone(ctx, facts, m); err != nil {
		return nil, err
	}
	in := r.input(facts)
	in.Target, in.Generation = plan.ToGeneration, 0
	return planBack(ctx, r, in, m, 0)
}

// planBack plans the way to in.Generation, whose content is that of another.
func planBack(ctx context.Context, r *Rollout, in plan.Input, m member.Membership, content int) (*plan.Plan, error) {
	in.Former = m.Strangers(in.Cluster, in.Facts)
	p, err := makePlan(ctx, r.Fleet, in)
	if err == nil {
		err = p.RefuseAbsent()
	}
	if err == nil {
		err = refuseKubelets(ctx, r.Fleet, p)
	}
	if err == nil {
		err = r.RefuseSick(ctx, p, othersPatience)
	}
	if err != nil {
		return nil, err
	}
	p.Back = &content
	addRecord(r, p, m)
	moves := slices.ContainsFunc(p.Nodes, plan.NodePlan.MovesClients)
	if p.Uninstall && (managesConfigMaps(r.Fleet) || moves) || !p.Uninstall && moves && r.Fleet.Cluster.MovesClients() {
		err = addConfigMaps(ctx, r.Fleet, p)
	}
	return p, err
}

// input is the input of a plan, without snapshots: makePlan and makeNodePlan read those
// that are needed.
func (r *Rollout) input(facts map[string]*node.Facts) plan.Input {
	c, absent := r.Fleet.Cluster, fleet.Absent(r.Fleet)
	var leftOut []plan.Absence
	for _, n := range slices.Concat(r.Fleet.Leaving(), c.Nodes, c.Workers) {
		if why := absent[n.Name]; why != nil {
			leftOut = append(leftOut, plan.Absence{Node: n, Why: fleet.Reason(n.Name, why)})
		}
	}
	return plan.Input{
		Cluster: c, Templates: r.Templates, Secrets: r.Secrets,
		Nodes: slices.Concat(r.Fleet.Present(), fleet.Workers(r.Fleet)), Leaving: r.Fleet.Reached(r.Fleet.Leaving()), Absent: leftOut, Forgotten: r.Forgotten, Facts: facts,
		Snapshots: map[plan.SnapshotRequest]plan.SnapshotAnswer{}, Now: time.Now(),
	}
}

// Planner plans nodes one after the other, from the facts of all of them. It reads
// kubeadm's configuration from the cluster if certificates are to be issued; without
// it a node's plan says what is missing.
func (r *Rollout) Planner(ctx context.Context) plan.Planner {
	return func(facts map[string]*node.Facts) func(inventory.Node) (plan.NodePlan, error) {
		in := r.input(facts)
		in.ExpectedStatus = expectOf(facts)
		in.ClusterConfiguration, _ = loadConfiguration(ctx, r.Fleet, in) // see above
		return func(n inventory.Node) (plan.NodePlan, error) { return makeNodePlan(ctx, r.Fleet, in, n) }
	}
}

// NodePlanner is Planner without asking an apiserver.
func (r *Rollout) NodePlanner(ctx context.Context) plan.Planner {
	return func(facts map[string]*node.Facts) func(inventory.Node) (plan.NodePlan, error) {
		in := r.input(facts)
		in.ExpectedStatus = expectOf(facts)
		return func(n inventory.Node) (plan.NodePlan, error) { return makeNodePlan(ctx, r.Fleet, in, n) }
	}
}

// loadConfiguration reads kubeadm's configuration if certificates are to be issued, and
// otherwise returns nil.
func loadConfiguration(ctx context.Context, f *fleet.Fleet, in plan.Input) ([]byte, error) {
	if !plan.IssuesCertificates(in) {
		return nil, nil
	}
	client, err := apiserverClient(ctx, f)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.ClusterConfiguration(ctx)
}
