package rollout

import (
	"testing"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node/nodetest"
)

// TestFactsOfANode is one inspection, from records to facts and back.
func TestFactsOfANode(t *testing.T) {
	t.Parallel()
	r := rolloutOf(t, home)
	want := applied(t, r, r.Fleet.Cluster.Nodes[0])
	same(t, "facts", fleettest.Inspected(t, nodetest.Inspection(want)...), want)
}
