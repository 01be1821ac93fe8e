package verify

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/verdict"
)

// checkNode checks the facts of a control-plane node.
func checkNode(c *inventory.Cluster, n inventory.Node, f *node.Facts, absent map[string]bool) []verdict.Check {
	return append(checkExposure(c, n, f), checkServers(c, n, f, absent))
}

// checkServers checks that every apiserver is up for the node's HAProxy, or its kernel.
func checkServers(c *inventory.Cluster, n inventory.Node, f *node.Facts, absent map[string]bool) verdict.Check {
	up, all := 0, len(f.Servers)
	var down, without []string
	for _, s := range f.Servers {
		switch {
		case s.Up():
			up++
		case absent[s.Name]:
			without = append(without, s.Name)
		default:
			down = append(down, fmt.Sprintf("%s is %s (%s)", s.Name, s.Status, s.Check))
		}
	}
	by, silent := "haproxy", fmt.Sprintf("haproxy does not answer on 127.0.0.1:%d", c.HAProxy.MonitorPort)
	if c.Exposure == inventory.IPVS && !n.Worker {
		by, silent = "keepalived", "the kernel has no virtual server of kplb's in /proc/net/ip_vs"
	}
	balanced := verdict.Check{Node: n.Name, What: by + " sees its servers", Detail: fmt.Sprintf("%d of %d up", up, all)}
	balanced.OK = len(down) == 0 && up > 0 && all == len(c.Nodes)
	if without != nil {
		balanced.Detail += ", without " + strings.Join(without, " and ") + ", which cannot be reached"
	}
	other, shared := otherHAProxy(f, c.HAProxy.MonitorPort)
	switch {
	case shared && (c.Exposure != inventory.IPVS || n.Worker):
		balanced.OK = false
		balanced.Detail = fmt.Sprintf("another haproxy listens on port %d, too (%s): which of the two has answered is not known", c.HAProxy.MonitorPort, other)
		balanced.Hint = "stop it, or set haproxy.monitorPort to a free port"
	case f.Servers == nil:
		balanced.Detail = silent
		balanced.Hint = "look at `journalctl -u " + by + "` on the node"
	case !balanced.OK:
		if len(down) > 0 {
			balanced.Detail += ": " + strings.Join(down, ", ")
		}
		if all != len(c.Nodes) {
			balanced.Detail += fmt.Sprintf(", and %d nodes", len(c.Nodes))
		}
		balanced.Hint = "look at /readyz of those apiservers, and at `journalctl -u " + by + "` on the node"
	}
	return balanced
}

// otherHAProxy says whose HAProxy beside haproxy.service's listens on a port.
func otherHAProxy(f *node.Facts, port uint16) (string, bool) {
	for _, l := range f.Listeners {
		if l.Outside != "" && l.Address.Port() == port {
			return l.Outside, true
		}
	}
	return "", false
}

// checkWorker checks that the node's kubelet is connected to the VIP, or to its balancer.
func checkWorker(c *inventory.Cluster, n inventory.Node, f *node.Facts) verdict.Check {
	check := verdict.Check{Node: n.Name, What: fmt.Sprintf("kubelet is connected to %s", inventory.Join(c.KubeletEndpoints(), " or ")), OK: f.KubeletConnected, Detail: "ok"}
	if !check.OK {
		check.Detail, check.Hint = "it is not", "look at `journalctl -u kubelet` on the node, and at the server in "+f.Distribution.Layout().KubeletKubeconfig
	}
	return check
}

func listening(f *node.Facts, port uint16) string {
	var out []string
	for _, l := range f.Listeners {
		if l.Process == f.Distribution.Layout().APIServerProcess && l.Address.Port() == port {
			out = append(out, l.Address.String())
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

// checkHolder checks that exactly one node holds the VIP.
func checkHolder(vip netip.Addr, nodes []inventory.Node, facts map[string]*node.Facts) verdict.Check {
	holders := node.Holders(vip, nodes, facts)
	check := verdict.Check{What: fmt.Sprintf("one node holds %s", vip), OK: len(holders) == 1, Detail: strings.Join(holders, ", ")}
	switch len(holders) {
	case 0:
		check.Detail, check.Hint = "no node does", "look at `journalctl -u keepalived` on the nodes: FAULT names the reason"
	case 1:
	default:
		check.Hint = "the nodes do not hear each other's VRRP adverts (IP protocol 112): look for a firewall between them"
	}
	return check
}
