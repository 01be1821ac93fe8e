// Package status is a cluster on one screen: who holds the VIPs, how each node
// does, and what the VIP's holder says of its servers, once or again and again. A
// node that cannot be looked at is a part of the answer.
package status

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// Status is a cluster at a glance.
type Status struct {
	Cluster string           `json:"cluster"`
	VIPs    []VIPStatus      `json:"vips"`
	Nodes   []NodeStatus     `json:"nodes"`
	SeenBy  string           `json:"serversSeenBy,omitempty"` // whose HAProxy, or kernel, the servers are from: the VIP's holder, where it answers
	Kernel  bool             `json:"ipvs,omitempty"`          // the kernel balances, and not HAProxy
	Servers []ServerStatus   `json:"servers"`
	Failed  fleet.NodeErrors `json:"-"` // of the nodes that could not be looked at
}

// VIPStatus is who holds a VIP: one node, if all is well.
type VIPStatus struct {
	Address  string   `json:"address"`
	Instance string   `json:"vrrpInstance"`
	Holders  []string `json:"holders"`
}

// ServerStatus is a server of the apiservers' backend as one HAProxy sees it,
// in the words of its statistics.
type ServerStatus struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Check    string `json:"check,omitempty"`
	Sessions int    `json:"sessions"`
}

// AsPlanned says whether every node is as the inventory says, and every VIP is
// on one of them.
func (s *Status) AsPlanned() bool {
	return !slices.ContainsFunc(s.Nodes, func(n NodeStatus) bool { return !n.AsPlanned() }) &&
		!slices.ContainsFunc(s.VIPs, func(v VIPStatus) bool { return len(v.Holders) != 1 })
}

// sample is what was seen of a node last.
type sample struct {
	facts     *node.Facts
	err       error // nil where facts is not
	begun, at time.Time
}

// Look looks at all nodes at once, in one round trip each. A node that
// cannot be looked at is a part of the answer; only where none can, that is a
// fleet.NodeErrors.
func Look(ctx context.Context, f *fleet.Fleet, planner plan.Planner) (*Status, error) {
	nodes := f.Everyone()
	seen := make([]sample, len(nodes))
	err := fleet.Each(nodes, func(n inventory.Node) error {
		i := slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })
		seen[i] = sampleNode(ctx, f, n)
		return seen[i].err
	})
	var failed fleet.NodeErrors
	if ctx.Err() != nil || errors.As(err, &failed) && len(failed) == len(nodes) {
		return nil, err
	}
	return assess(f.Cluster, nodes, seen, planner), nil
}

// sampleNode inspects a node, and drops a connection that is of no use any more.
func sampleNode(ctx context.Context, f *fleet.Fleet, n inventory.Node) sample {
	h, err := f.Connect(ctx, n)
	if err != nil {
		return sample{err: err}
	}
	begun := time.Now()
	facts, err := fleet.Inspection{VRRP: true}.Of(ctx, h, f, n)
	if fleet.Lost(err) {
		f.Drop(n)
	}
	return sample{facts, err, begun, time.Now()}
}

// assess judges what was seen of the nodes.
func assess(c *inventory.Cluster, nodes []inventory.Node, seen []sample, planner plan.Planner) *Status {
	facts := map[string]*node.Facts{}
	out := &Status{Cluster: c.Name, Kernel: c.Exposure == inventory.IPVS, Failed: fleet.NodeErrors{}, Servers: []ServerStatus{}}
	for i, n := range nodes {
		if seen[i].err == nil {
			facts[n.Name] = seen[i].facts
		}
	}
	planNode := planner(facts)
	for i, n := range nodes {
		if err := seen[i].err; err != nil {
			out.Failed[n.Name] = err
			out.Nodes = append(out.Nodes, NodeStatus{Node: n.Name, Worker: n.Worker, Unreachable: err.Error(), Apiserver: readiness(n, facts)})
			continue
		}
		p, err := planNode(n)
		s := assessNode(c, n, facts[n.Name], p, err)
		s.Apiserver = readiness(n, facts)
		out.Nodes = append(out.Nodes, s)
	}
	for _, vip := range c.VIPs {
		out.VIPs = append(out.VIPs, holdersOf(vip, c, nodes, facts))
	}
	out.seeServers(nodes, facts)
	return out
}

func holdersOf(vip netip.Addr, c *inventory.Cluster, nodes []inventory.Node, facts map[string]*node.Facts) VIPStatus {
	out := VIPStatus{Address: vip.String(), Holders: append([]string{}, node.Holders(vip, nodes, facts)...)}
	for _, g := range c.Groups() {
		if slices.Contains(g.VIPs, vip) {
			out.Instance = g.Name
		}
	}
	return out
}

// seeServers takes the servers of the first VIP's holder, or of the first
// other node whose HAProxy answers.
func (s *Status) seeServers(nodes []inventory.Node, facts map[string]*node.Facts) {
	by := slices.Clone(s.VIPs[0].Holders)
	for _, n := range nodes {
		by = append(by, n.Name)
	}
	for _, name := range by {
		f := facts[name]
		if f == nil || f.Servers == nil {
			continue
		}
		s.SeenBy = name
		for _, server := range f.Servers {
			s.Servers = append(s.Servers, ServerStatus{server.Name, server.Status, server.Check, server.Sessions})
		}
		return
	}
}

// servedCertificate is the apiserver's own certificate, empty where it is not
// kubeadm's.
func servedCertificate(f *node.Facts) []byte {
	l := f.Distribution.Layout()
	path, _, err := f.Distribution.Flag(f.Files[l.APIServerConfig].Content, distribution.APIServer, "tls-cert-file")
	if err != nil || path != l.Certificate {
		return nil
	}
	return f.Files[l.Certificate].Content
}
