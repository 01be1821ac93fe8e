package rollout

import (
	"testing"

	"github.com/kplb/kplb/node/nodetest"
)

// TestFactsOfANode is one inspection, from records to facts and back.
func TestFactsOfANode(t *testing.T) {
	t.Parallel()
	r := rolloutOf(t, home)
	want := applied(t, r, r.Cluster.Nodes[0])
	same(t, "facts", inspected(t, nodetest.Inspection(want)...), want)
}
