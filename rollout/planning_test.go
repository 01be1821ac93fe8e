package rollout

import (
	"context"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/remote"
)

// TestPlanBackUnreadable: a generation that cannot be read is an error, and no
// refusal.
func TestPlanBackUnreadable(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	f.saveFresh()
	f.Nodes["node-3"].On["generations"] = func(_ context.Context, _ remote.Script, say say) error { say("files", "!"); say("done"); return nil }
	_, err := f.PlanRemoval(t.Context())
	says(t, err, "node-3: generation: record files: field 0 of record files is not base64: illegal base64 data at input byte 0")
}

// TestPlanReadsWhatItNeeds: each generation once, and none where the files say
// that none is needed.
func TestPlanReadsWhatItNeeds(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	for _, n := range f.Rollout.Fleet.Cluster.Nodes {
		f.Nodes[n.Name].Save("0", fresh(t, f.Rollout.Fleet.Cluster, n))
		f.Nodes[n.Name].Save("1", f.Nodes[n.Name].Facts)
		f.Nodes[n.Name].Facts.Kernel = node.Kernel{Release: "6.1.0-50-amd64", IPVS: "module"}
	}
	read := func() [3]int {
		return [3]int{f.Times("node-1 generations"), f.Times("node-2 generations"), f.Times("node-3 generations")}
	}
	p, err := f.Plan(t.Context())
	says(t, err, "")
	same(t, "goal", p.Goal, plan.Installed)
	same(t, "none", read(), [3]int{})
	_, p, err = f.PlanRollback(t.Context(), -1)
	says(t, err, "")
	same(t, "goal", p.Goal, plan.Removed)
	same(t, "the list, and the one before", read(), [3]int{2, 2, 2})
	f.Rollout.Fleet.Cluster.Exposure = inventory.IPVS
	p, err = f.Plan(t.Context())
	says(t, err, "")
	same(t, "what haproxy did before kplb", read(), [3]int{3, 3, 3})
	same(t, "haproxy", of(p, "node-2").HAProxy, node.Stop)
}

// TestProofOfAGoal: what is installed is not removed.
func TestProofOfAGoal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		for goal, want := range map[plan.Goal]bool{plan.Installed: true, plan.Removed: false} {
			proof, err := f.proverOf(goal)(t.Context(), f.Rollout.Fleet, fleet.Inspection{}, 0)
			says(t, err, "")
			same(t, "proven", proof.OK(), want)
		}
		f.Ends()
	})
}
