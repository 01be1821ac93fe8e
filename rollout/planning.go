package rollout

import (
	"context"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// Plan inspects the nodes and compares them with the inventory. Its error is
// a NodeErrors, or a RefusedError that names everything in the way.
func (r *Rollout) Plan(ctx context.Context) (*plan.Plan, error) {
	r.SetLeaving(nil)
	facts, err := r.Inspect(ctx, r.inspection())
	if err != nil {
		return nil, err
	}
	if facts, err = r.inspectLeavers(ctx, facts); err != nil {
		return nil, err
	}
	configuration, err := r.loadConfiguration(ctx, facts)
	if err != nil {
		return nil, err
	}
	p, err := r.planFitting(ctx, facts, configuration)
	if err == nil {
		err = r.refuseKubelets(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	return p, r.addConfigMaps(ctx, p)
}

// PlanRollback plans to bring every node to its generation of that number; a
// negative number means the one before the current one.
func (r *Rollout) PlanRollback(ctx context.Context, number int) (*plan.Plan, error) {
	r.unmanaged = true
	facts, err := r.Inspect(ctx, r.inspection())
	if err != nil {
		return nil, err
	}
	in := r.input(facts)
	in.Target, in.Generation = plan.ToGeneration, number
	if number < 0 {
		in.Target, in.Generation = plan.ToPrevious, 0
	}
	p, err := r.plan(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := r.refuseKubelets(ctx, p); err != nil {
		return nil, err
	}
	if p.Uninstall && (r.managed() || slices.ContainsFunc(p.Nodes, plan.NodePlan.MovesClients)) {
		err = r.addConfigMaps(ctx, p)
	}
	return p, err
}

// input is the input of a plan, without snapshots: plan and planNode read those that
// are needed.
func (r *Rollout) input(facts map[string]*node.Facts) plan.Input {
	return plan.Input{
		Cluster: r.Cluster, Templates: r.Templates, Secrets: r.Secrets,
		Nodes: r.Reached(slices.Concat(r.Cluster.Nodes, r.Cluster.Workers)), Leaving: r.Reached(r.Leaving()), Facts: facts,
		Snapshots: map[plan.SnapshotRequest]plan.SnapshotAnswer{}, Now: time.Now(),
	}
}

// plan reads the snapshots that a plan needs, and makes the plan.
func (r *Rollout) plan(ctx context.Context, in plan.Input) (*plan.Plan, error) {
	r.readSnapshots(ctx, in, plan.Needs)
	return plan.Make(in)
}

// planNode is plan for one node, see plan.MakeNode.
func (r *Rollout) planNode(ctx context.Context, in plan.Input, n inventory.Node) (plan.NodePlan, error) {
	r.readSnapshots(ctx, in, func(in plan.Input) []plan.SnapshotRequest { return plan.NodeNeeds(in, n) })
	return plan.MakeNode(in, n)
}

// Planner plans nodes one after the other, from the facts of all of them. It reads
// kubeadm's configuration from the cluster if certificates are to be issued; without
// it a node's plan says what is missing.
func (r *Rollout) Planner(ctx context.Context, facts map[string]*node.Facts) func(context.Context, inventory.Node) (plan.NodePlan, error) {
	in := r.input(facts)
	in.ExpectedStatus = expectOf(facts)
	in.ClusterConfiguration, _ = r.loadConfiguration(ctx, facts) // see above
	return func(ctx context.Context, n inventory.Node) (plan.NodePlan, error) { return r.planNode(ctx, in, n) }
}

// NodePlanner is Planner without asking an apiserver.
func (r *Rollout) NodePlanner(_ context.Context, facts map[string]*node.Facts) func(context.Context, inventory.Node) (plan.NodePlan, error) {
	in := r.input(facts)
	in.ExpectedStatus = expectOf(facts)
	return func(ctx context.Context, n inventory.Node) (plan.NodePlan, error) { return r.planNode(ctx, in, n) }
}

// readSnapshots adds the generations that are needed to in.Snapshots, or the errors of
// reading them, which the plan judges.
func (r *Rollout) readSnapshots(ctx context.Context, in plan.Input, needs func(plan.Input) []plan.SnapshotRequest) {
	for requests := needs(in); len(requests) > 0; requests = needs(in) {
		for _, q := range requests {
			s, err := r.snapshot(ctx, in, q)
			in.Snapshots[q] = plan.SnapshotAnswer{Snapshot: s, Err: err}
		}
	}
}

// snapshot reads a generation of a node.
func (r *Rollout) snapshot(ctx context.Context, in plan.Input, q plan.SnapshotRequest) (*node.Snapshot, error) {
	nodes := slices.Concat(in.Leaving, in.Nodes)
	i := slices.IndexFunc(nodes, func(n inventory.Node) bool { return n.Name == q.Node })
	h, err := r.Connect(ctx, nodes[i])
	if err != nil {
		return nil, err
	}
	return node.ReadSnapshot(ctx, h, q.Generation)
}

// loadConfiguration reads kubeadm's configuration if certificates are to be issued, and
// otherwise returns nil.
func (r *Rollout) loadConfiguration(ctx context.Context, facts map[string]*node.Facts) ([]byte, error) {
	if !plan.IssuesCertificates(r.input(facts)) {
		return nil, nil
	}
	client, err := r.apiserverClient(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.ClusterConfiguration(ctx)
}
