package render

import "github.com/kplb/kplb/inventory"

// serviceRules are what services need: their clients at the VIP, HAProxy's
// peers at each other where there are any, and the way out to the NodePorts of
// other nodes. The way in to a NodePort is kube-proxy's: it gives the packet
// another address before a firewall's input sees it.
func serviceRules(c *inventory.Cluster, n inventory.Node) (in, out []Rule) {
	for _, peer := range c.Nodes {
		if peer.Name != n.Name && c.NeedsPeers() {
			in = append(in, Rule{Protocol: "tcp", From: peer.Address, To: n.Address, Port: c.HAProxy.PeersPort})
			out = append(out, Rule{Out: true, Protocol: "tcp", To: peer.Address, Port: c.HAProxy.PeersPort})
		}
	}
	said := map[Rule]bool{} // two services may lead to one NodePort
	for _, s := range c.Services {
		for _, at := range c.ServiceAddresses(s) {
			in = append(in, Rule{Protocol: "tcp", To: at.Addr(), Port: at.Port()})
		}
		for _, backend := range c.Backends(s) {
			rule := Rule{Out: true, Protocol: "tcp", To: backend.Address, Port: s.NodePort}
			if backend.Name != n.Name && !said[rule] {
				out, said[rule] = append(out, rule), true
			}
		}
	}
	return in, out
}
