package plan

import (
	"testing"

	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/record"
)

// TestNext: what has lost its record of the cluster's generation cannot have that number
// again, and all get a new one.
func TestNext(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	for name, c := range map[string]struct {
		change func(facts map[string]*node.Facts, r *record.Record)
		want   int
	}{
		"nothing is new":        {func(map[string]*node.Facts, *record.Record) {}, 1},
		"one has no generation": {func(facts map[string]*node.Facts, _ *record.Record) { plantest.Unrecorded(facts["node-2"], 0) }, 1},
		"one has no record":     {func(facts map[string]*node.Facts, _ *record.Record) { plantest.Unrecorded(facts["node-2"], 1) }, 2},
		"one is ahead":          {func(facts map[string]*node.Facts, _ *record.Record) { plantest.Unrecorded(facts["node-2"], 5) }, 6},
		"one is behind": {func(facts map[string]*node.Facts, r *record.Record) {
			later := *r
			later.Generation = 4
			plantest.Recorded(facts["node-1"], &later)
		}, 4},
		"one has an earlier record": {func(facts map[string]*node.Facts, r *record.Record) {
			later := *r
			later.Generation = 4
			for _, f := range facts {
				plantest.Recorded(f, &later)
			}
			facts["node-3"].Recorded = node.Recorded{Record: r}
		}, 5},
		"the inventory is another": {func(facts map[string]*node.Facts, r *record.Record) {
			other := *r
			other.Inventory = "apiVersion: kplb/v1alpha1\n"
			for _, f := range facts {
				plantest.Recorded(f, &other)
			}
		}, 2},
	} {
		facts := all(t, in, applied)
		c.change(facts, plantest.Record(in.Cluster, 1))
		m, err := member.Identify(in.Cluster, in.Cluster.Nodes, facts, member.Claims{})
		says(t, err, "")
		p := &Plan{Cluster: in.Cluster, Facts: facts}
		same(t, name, p.Next(m, plantest.ID).Generation, c.want)
	}
}
