package rollout

import (
	"fmt"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// ownPort is a port of the inventory's, and the key that has it.
type ownPort struct {
	key  string
	port uint16
}

// ownServicePorts are the ports that HAProxy has for services, on a control-plane
// node.
func ownServicePorts(c *inventory.Cluster) []ownPort {
	var out []ownPort
	for i, s := range c.Services {
		out = append(out, ownPort{fmt.Sprintf("services[%d].port", i), s.Port})
	}
	if c.NeedsPeers() {
		out = append(out, ownPort{"haproxy.peersPort", c.HAProxy.PeersPort})
	}
	if c.Metrics.OnNode() {
		out = append(out, ownPort{"metrics.port", c.Metrics.Port})
	}
	return out
}

// serviceFiles is what HAProxy needs for services beside their connections: a
// listener, and a check of each server.
func serviceFiles(c *inventory.Cluster) uint64 {
	n := 0
	for _, s := range c.Services {
		n += len(c.ServiceAddresses(s)) + len(c.Backends(s))
	}
	return uint64(n)
}

// refuseServices wants the ports of services, and of HAProxy's peers, free
// where HAProxy will have them.
func refuseServices(c *inventory.Cluster, n inventory.Node, f *node.Facts, refuse refuseFunc) {
	for _, l := range f.Listeners {
		addr, port := l.Address.Addr(), l.Address.Port()
		if l.Process == node.HAProxyProcess {
			continue
		}
		for i, s := range c.Services {
			if port == s.Port && (addr.IsUnspecified() || slices.Contains(c.ServiceAddresses(s), l.Address)) {
				refuse(fmt.Sprintf("services[%d].port", i), "stop it, have it listen on another address, or give the service another port",
					"port %d of %s, for service %s, is taken by %s", port, addr, s.Name, processName(l))
			}
		}
		if c.NeedsPeers() && port == c.HAProxy.PeersPort && (addr.IsUnspecified() || addr == n.Address) {
			refuse("haproxy.peersPort", "set haproxy.peersPort to a free port", "port %d, for haproxy's peers, is taken by %s", port, processName(l))
		}
	}
}
