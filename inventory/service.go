package inventory

import (
	"fmt"
	"net/netip"
	"slices"
)

// Affinity says whether a client stays with the server that it had before.
type Affinity string

// Kubernetes' words, see the sessionAffinity of its Services.
const (
	NoAffinity Affinity = "None"
	ClientIP   Affinity = "ClientIP"
)

// Service is a TCP port of the VIP that leads to a NodePort.
type Service struct {
	Name            string
	VIP             netip.Addr        `json:",omitzero"` // that it is on; zero: on every VIP
	Port            uint16            // of the VIP
	NodePort        uint16            // of every node that is selected
	Labels          map[string]string // that select nodes; nil: every node, workers too
	SessionAffinity Affinity
	TimeoutSeconds  int            // of ClientIP, from a client's last connection; 0 without it
	ProxyProtocol   bool           // version 2, to the NodePort: it tells the client's address
	SourceRanges    []netip.Prefix // of clients; nil: everybody
	Check           string         // how a node is looked at: tcp, a connection
}

// ServiceAddresses are where clients find a service, in the order of the VIPs.
func (c *Cluster) ServiceAddresses(s Service) []netip.AddrPort {
	if s.VIP.IsValid() {
		return []netip.AddrPort{netip.AddrPortFrom(s.VIP, s.Port)}
	}
	return withPort(c.VIPs, s.Port)
}

// HasIPv6 says whether clients of a service may come with IPv6 addresses.
func (c *Cluster) HasIPv6(s Service) bool {
	return slices.ContainsFunc(c.ServiceAddresses(s), func(at netip.AddrPort) bool { return at.Addr().Is6() })
}

// Backends are the nodes that a service leads to, control-plane nodes first,
// in the order of the file: every HAProxy has the same order.
func (c *Cluster) Backends(s Service) []Node {
	var out []Node
	for _, nodes := range [][]Node{c.Nodes, c.Workers} {
		for _, n := range nodes {
			if selects(s.Labels, n.Labels) {
				out = append(out, n)
			}
		}
	}
	return out
}

func selects(want, have map[string]string) bool {
	for key, value := range want {
		if got, ok := have[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// NeedsPeers says whether there is anything that one HAProxy has to tell the
// others, and the worker that follows it after a reload.
func (c *Cluster) NeedsPeers() bool {
	for _, s := range c.Services {
		if s.SessionAffinity == ClientIP {
			return true
		}
	}
	return false
}

// KeyedPort is a port, and the key of the inventory that sets it.
type KeyedPort struct {
	Key  string
	Port uint16
}

// Ports are those that HAProxy has on a control-plane node, the apiservers' own first.
// With exposure: ipvs there is no HAProxy.
func (c *Cluster) Ports() []KeyedPort {
	return append(c.balancerPorts(), c.servicePorts()...)
}

// balancerPorts are those that HAProxy needs for the apiservers.
func (c *Cluster) balancerPorts() []KeyedPort {
	return []KeyedPort{{"port", c.Port}, {"haproxy.port", c.HAProxy.Port}, {"haproxy.monitorPort", c.HAProxy.MonitorPort}}
}

// servicePorts are those that HAProxy has for services, their peers and Prometheus.
func (c *Cluster) servicePorts() []KeyedPort {
	var out []KeyedPort
	for i, s := range c.Services {
		out = append(out, KeyedPort{fmt.Sprintf("services[%d].port", i), s.Port})
	}
	if c.NeedsPeers() {
		out = append(out, KeyedPort{"haproxy.peersPort", c.HAProxy.PeersPort})
	}
	if c.Metrics.OnNode() {
		out = append(out, KeyedPort{"metrics.port", c.Metrics.Port})
	}
	return out
}
