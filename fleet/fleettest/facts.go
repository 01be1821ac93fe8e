package fleettest

import (
	"net/netip"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
)

// Make makes the facts of a node: plantest.Fresh, or Applied.
type Make func(t testing.TB, c *inventory.Cluster, n inventory.Node) *node.Facts

// Applied is a node on which there is nothing to do. The first node of a
// cluster holds the VIP.
func Applied(t testing.TB, c *inventory.Cluster, n inventory.Node) *node.Facts {
	t.Helper()
	return AppliedWith(t, c, n, nil)
}

// AppliedWith is Applied, with secrets filled in.
func AppliedWith(t testing.TB, c *inventory.Cluster, n inventory.Node, secrets render.Secrets) *node.Facts {
	t.Helper()
	f := plantest.Applied(t, c, Builtin(t), secrets, n)
	if c.Exposure == inventory.IPVS {
		f.Servers = fleet.IPVSServers(f, c)
	}
	return f
}

// All makes the facts of every control-plane node.
func All(t testing.TB, c *inventory.Cluster, of Make) map[string]*node.Facts {
	t.Helper()
	out := map[string]*node.Facts{}
	for _, n := range c.Nodes {
		out[n.Name] = of(t, c, n)
	}
	return out
}

// Address is one of an interface, with the length of its subnet's prefix.
func Address(iface, prefix string) node.Address {
	return node.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

// Listener is a process that listens.
func Listener(at, process string) node.Listener {
	return node.Listener{Address: netip.MustParseAddrPort(at), Process: process}
}
