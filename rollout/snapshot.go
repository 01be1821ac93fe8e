package rollout

import (
	"context"
	"slices"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// makePlan reads the snapshots that a plan needs, and makes the plan.
func makePlan(ctx context.Context, f *fleet.Fleet, in plan.Input) (*plan.Plan, error) {
	readSnapshots(ctx, f, in, plan.Needs)
	return plan.Make(in)
}

// makeNodePlan is makePlan for one node, see plan.MakeNode.
func makeNodePlan(ctx context.Context, f *fleet.Fleet, in plan.Input, n inventory.Node) (plan.NodePlan, error) {
	readSnapshots(ctx, f, in, func(in plan.Input) []plan.SnapshotRequest { return plan.NodeNeeds(in, n) })
	return plan.MakeNode(in, n)
}

// readSnapshots adds the generations that are needed to in.Snapshots, or the errors of
// reading them, which the plan judges.
func readSnapshots(ctx context.Context, f *fleet.Fleet, in plan.Input, needs func(plan.Input) []plan.SnapshotRequest) {
	for requests := needs(in); len(requests) > 0; requests = needs(in) {
		for _, q := range requests {
			s, err := readSnapshot(ctx, f, in, q)
			in.Snapshots[q] = plan.SnapshotAnswer{Snapshot: s, Err: err}
		}
	}
}

// readSnapshot reads a generation of a node.
func readSnapshot(ctx context.Context, f *fleet.Fleet, in plan.Input, q plan.SnapshotRequest) (*node.Snapshot, error) {
	nodes := slices.Concat(in.Leaving, in.Nodes)
	i := slices.IndexFunc(nodes, func(n inventory.Node) bool { return n.Name == q.Node })
	h, err := f.Connect(ctx, nodes[i])
	if err != nil {
		return nil, err
	}
	return node.ReadSnapshot(ctx, h, fleet.LayoutOf(f.Cluster), q.Generation)
}
