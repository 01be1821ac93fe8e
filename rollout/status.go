package rollout

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// Status is a cluster at a glance.
type Status struct {
	Cluster string         `json:"cluster"`
	VIPs    []VIPStatus    `json:"vips"`
	Nodes   []NodeStatus   `json:"nodes"`
	SeenBy  string         `json:"serversSeenBy,omitempty"` // whose HAProxy, or kernel, the servers are from: the VIP's holder, where it answers
	Kernel  bool           `json:"ipvs,omitempty"`          // the kernel balances, and not HAProxy
	Servers []ServerStatus `json:"servers"`
	Failed  NodeErrors     `json:"-"` // of the nodes that could not be looked at
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

// glance is what was seen of a node last.
type glance struct {
	facts     *node.Facts
	err       error // nil where facts is not
	begun, at time.Time
}

// Status looks at all nodes at once, in one round trip each. A node that
// cannot be looked at is a part of the answer; only where none can, that is a
// NodeErrors.
func (r *Rollout) Status(ctx context.Context) (*Status, error) {
	nodes := r.everyone()
	seen := make([]glance, len(nodes))
	err := r.each(nodes, func(n inventory.Node) error {
		i := slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })
		seen[i] = r.glanceAt(ctx, n)
		return seen[i].err
	})
	var failed NodeErrors
	if ctx.Err() != nil || errors.As(err, &failed) && len(failed) == len(nodes) {
		return nil, err
	}
	return r.assess(ctx, nodes, seen), nil
}

// glanceAt inspects a node, and forgets a connection that is of no use any more.
func (r *Rollout) glanceAt(ctx context.Context, n inventory.Node) glance {
	h, err := r.host(ctx, n)
	if err != nil {
		return glance{err: err}
	}
	begun := time.Now()
	f, err := inspect(ctx, h, r.Cluster, n, inspection{status: true})
	if errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrClosed) {
		r.drop(n)
	}
	return glance{f, err, begun, time.Now()}
}

// assess judges what was seen of the nodes.
func (r *Rollout) assess(ctx context.Context, nodes []inventory.Node, seen []glance) *Status {
	facts := map[string]*node.Facts{}
	out := &Status{Cluster: r.Cluster.Name, Kernel: r.Cluster.Exposure == inventory.IPVS, Failed: NodeErrors{}, Servers: []ServerStatus{}}
	for i, n := range nodes {
		if seen[i].err == nil {
			facts[n.Name] = seen[i].facts
		}
	}
	in := r.input(facts)
	in.ExpectedStatus = expectOf(facts)
	for i, n := range nodes {
		if err := seen[i].err; err != nil {
			out.Failed[n.Name] = err
			out.Nodes = append(out.Nodes, NodeStatus{Node: n.Name, Worker: n.Worker, Unreachable: err.Error(), Apiserver: readiness(n, facts)})
			continue
		}
		s := r.assessNode(ctx, n, facts[n.Name], in)
		s.Apiserver = readiness(n, facts)
		out.Nodes = append(out.Nodes, s)
	}
	for _, vip := range r.Cluster.VIPs {
		out.VIPs = append(out.VIPs, holdersOf(vip, r.Cluster, nodes, facts))
	}
	out.seeServers(nodes, facts)
	return out
}

func holdersOf(vip netip.Addr, c *inventory.Cluster, nodes []inventory.Node, facts map[string]*node.Facts) VIPStatus {
	out := VIPStatus{Address: vip.String(), Holders: []string{}}
	for _, g := range c.Groups() {
		if slices.Contains(g.VIPs, vip) {
			out.Instance = g.Name
		}
	}
	for _, n := range nodes {
		if f := facts[n.Name]; f != nil && f.Holds(vip) {
			out.Holders = append(out.Holders, n.Name)
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
	path, _, err := kubeadm.Flag(f.Files[kubeadm.ManifestPath].Content, node.APIServerProcess, "tls-cert-file")
	if err != nil || path != kubeadm.CertificatePath {
		return nil
	}
	return f.Files[kubeadm.CertificatePath].Content
}
