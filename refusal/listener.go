package refusal

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// refuseListeners refuses ports that something else than the apiserver or haproxy
// listens on.
func refuseListeners(c *inventory.Cluster, n inventory.Node, f *node.Facts, refuse refuseFunc) {
	apiserver := f.Distribution.Layout().APIServerProcess
	monitor := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, l := range f.Listeners {
		addr, port := l.Address.Addr(), l.Address.Port()
		everywhere := addr.IsUnspecified()
		switch {
		case l.IsHAProxy():
		case port == c.Port && l.Outside != "" && (everywhere || slices.Contains(c.VIPs, addr) || addr == n.Address):
			refuse("", "stop it, or give it another port", "port %d of %s is taken by %s", port, addr, processName(l))
		case port == c.Port && (everywhere || slices.Contains(c.VIPs, addr) || addr == n.Address) && l.Process != apiserver:
			refuse("", "stop it, or give it another port", "port %d of %s is taken by %s, neither the apiserver nor haproxy", port, addr, processName(l))
		case port == c.HAProxy.Port && port != c.Port && (everywhere || slices.Contains(c.VIPs, addr)):
			refuse("haproxy.port", "set haproxy.port to a free port", "port %d of %s, for haproxy, is taken by %s", port, addr, processName(l))
		case port == c.Port && slices.Contains(c.VIPs, addr):
			refuse("", "remove its --bind-address="+addr.String(), "the apiserver listens on the VIP itself, where haproxy belongs")
		case c.Exposure != inventory.IPVS && port == c.HAProxy.MonitorPort && (everywhere || addr == monitor):
			refuse("haproxy.monitorPort", "set haproxy.monitorPort to a free port", "port %d, for haproxy's monitor page, is taken by %s", port, processName(l))
		}
	}
}

func processName(l node.Listener) string {
	switch {
	case l.Process == "":
		return "an unknown process"
	case l.Outside != "":
		return l.Process + " outside of haproxy.service (" + l.Outside + ")"
	}
	return l.Process
}

// refuseServices refuses ports of services, and of HAProxy's peers, that something
// else listens on.
func refuseServices(c *inventory.Cluster, n inventory.Node, f *node.Facts, refuse refuseFunc) {
	for _, l := range f.Listeners {
		addr, port := l.Address.Addr(), l.Address.Port()
		if l.IsHAProxy() {
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

// refuseMetrics refuses a port for Prometheus that something else listens on.
func refuseMetrics(c *inventory.Cluster, n inventory.Node, f *node.Facts, refuse refuseFunc) {
	if !c.Metrics.OnNode() {
		return
	}
	for _, l := range f.Listeners {
		if addr := l.Address.Addr(); !l.IsHAProxy() && l.Address.Port() == c.Metrics.Port && (addr.IsUnspecified() || addr == n.Address) {
			refuse("metrics.port", "set metrics.port to a free port", "port %d of %s, for Prometheus, is taken by %s", c.Metrics.Port, addr, processName(l))
		}
	}
}

// refuseLocalPorts refuses ports of a worker's balancer that something else listens
// on.
func refuseLocalPorts(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	local := c.WorkerBalancer.Address().Addr()
	for _, l := range f.Listeners {
		addr, port := l.Address.Addr(), l.Address.Port()
		switch {
		case l.IsHAProxy() || !addr.IsUnspecified() && addr != local:
		case port == c.WorkerBalancer.Port:
			refuse("workerBalancer.port", "set workerBalancer.port to a free port", "port %d, for the worker's balancer, is taken by %s", port, processName(l))
		case port == c.HAProxy.MonitorPort:
			refuse("haproxy.monitorPort", "set haproxy.monitorPort to a free port", "port %d, for haproxy's monitor page, is taken by %s", port, processName(l))
		}
	}
}
