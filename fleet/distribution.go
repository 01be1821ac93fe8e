package fleet

import (
	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
)

// distributions are those that kplb knows.
var distributions = map[inventory.Distribution]distribution.Distribution{
	inventory.Kubeadm: kubeadm.Distribution{},
}

// DistributionOf is the distribution of a cluster: the inventory accepts no other.
func DistributionOf(c *inventory.Cluster) distribution.Distribution {
	return distributions[c.Distribution]
}

// LayoutOf is where that has what on every node.
func LayoutOf(c *inventory.Cluster) distribution.Layout { return DistributionOf(c).Layout() }
