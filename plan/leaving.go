package plan

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// A node that was removed from the inventory is still a member in the cluster's record.
// It is restored to its state before kplb before the others change: without their
// adverts its keepalived would take the VIP.

// planLeaver plans to restore a node to its state before kplb.
func (in *Input) planLeaver(n inventory.Node, f *node.Facts) (NodePlan, error) {
	p, err := in.restoreNode(n, f, 0)
	if p.Certificate != nil && !in.uninstalls() { // until the others have changed, clients of the VIP still reach its apiserver
		p.Certificate = nil
		p.note("its apiserver's certificate stays as it is and still covers the VIP")
	}
	if isWorker(in.Cluster, n) {
		p.note("goes back to what it was before kplb; the next apply gives it what workers get")
	}
	return p, err
}

// isWorker says whether the inventory has the node as a worker.
func isWorker(c *inventory.Cluster, n inventory.Node) bool {
	return slices.ContainsFunc(c.Workers, func(w inventory.Node) bool { return w.Name == n.Name })
}
