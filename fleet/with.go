package fleet

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// With is a fleet of the same operator that works on the nodes of another inventory of
// the cluster. It takes over the connections and facts of the nodes that both have at the
// same address, and of those that leave, and leaves out those that are left out here. Both fleets have to be closed.
func (f *Fleet) With(c *inventory.Cluster) *Fleet {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &Fleet{
		Cluster: c, Dial: f.Dial, Network: f.Network, OnEvent: f.OnEvent, AllowUnreachable: f.AllowUnreachable, Operator: f.Operator,
		hosts: map[string]node.Host{}, facts: map[string]*node.Facts{}, absent: map[string]error{},
	}
	before := slices.Concat(f.leaving, f.Cluster.Nodes, f.Cluster.Workers)
	after := slices.Concat(c.Nodes, c.Workers)
	for _, n := range before {
		i := slices.IndexFunc(after, func(m inventory.Node) bool { return m.Name == n.Name })
		if i >= 0 && after[i].Address != n.Address {
			continue // another machine, or the same one elsewhere
		}
		if why := f.absent[n.Name]; why != nil {
			out.absent[n.Name] = why
		}
		if h := f.hosts[n.Name]; h != nil {
			out.hosts[n.Name] = h
			delete(f.hosts, n.Name)
		}
		if found := f.facts[n.Name]; found != nil {
			out.facts[n.Name] = found
		}
	}
	return out
}
