package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

func TestIdentityStays(t *testing.T) {
	t.Parallel()
	config := func(change ...string) string {
		in := inputOf(t, strings.NewReplacer(change...).Replace(home))
		artifacts, err := in.Templates.Node(in.Cluster, in.Cluster.Nodes[1], render.Facts{Interface: "eth0"})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range artifacts {
			if a.Path == render.KeepalivedPath {
				return fmt.Sprint(vrrp.Identities(a.Content))
			}
		}
		return ""
	}
	for _, c := range []struct {
		name, from, to string
		same           bool
	}{
		{"another VIP", "10.1.233.1", "10.1.233.2", false},
		{"another VRID", "ssh:", "vrrp: {virtualRouterID: 7}\nssh:", false},
		{"another version", "ssh:", "vrrp: {version: 2}\nssh:", false},
		{"multicast", "ssh:", "vrrp: {mode: multicast}\nssh:", false},
		{"failback: they hear each other as before", "ssh:", "vrrp: {failback: true}\nssh:", true},
		{"another interval", "ssh:", "vrrp: {advertInterval: 500ms}\nssh:", true},
		{"another peer", "  - {name: node-1, address: 10.1.1.1}\n", "", true},
		{"another monitor port", "8404", "8405", true},
	} {
		same(t, c.name, config(c.from, c.to) == config(), c.same)
	}
}

// TestIdentity changes what VRRP speakers must agree on: all but the holder of a
// VIP stop their keepalived, and start it when the holder has changed.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*inventory.Cluster)
	}{
		{"another VRID", func(c *inventory.Cluster) { c.VRRP.VirtualRouterID++ }},
		{"multicast", func(c *inventory.Cluster) { c.VRRP.Mode = inventory.Multicast }},
		{"another VIP: who has the old one is the holder", func(c *inventory.Cluster) {
			c.VIP = netip.MustParseAddr("10.1.233.9")
			c.VIPs = []netip.Addr{c.VIP}
		}},
	} {
		in := inputOf(t, home)
		facts := all(t, in, applied)
		c.change(in.Cluster)
		p, err := Make(in.with(facts))
		says(t, err, "")
		same(t, c.name+": order", namesOf(nodesOf(p.Nodes)), "node-2 node-3 node-1")
		same(t, c.name+": somebody speaks otherwise", p.StartsVRRP(), true)
		for _, n := range p.Nodes {
			same(t, c.name+": "+n.Node.Name+" restarts", n.Keepalived, node.Restart)
			same(t, c.name+": "+n.Node.Name+" waits", n.StartKeepalivedLast, !n.Holder)
			same(t, c.name+": "+n.Node.Name+" says so", slices.Contains(n.Consequences(), "keepalived: stops, and starts when the VIP's holder has changed"), !n.Holder)
		}
	}
}

// TestFailback says where the VIP goes by its new order.
func TestFailback(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, applied) // node-1 holds the VIP
	in = inputOf(t, strings.Replace(home, "ssh:", "vrrp: {failback: true}\nssh:", 1))
	in.Cluster.Nodes[1].Priority = 254
	p, err := Make(in.with(facts))
	says(t, err, "")
	same(t, "nobody speaks otherwise", p.StartsVRRP(), false)
	const comes = "the VIP comes to this node, which has the highest priority (failback)"
	for _, n := range p.Nodes {
		same(t, n.Node.Name, slices.Contains(n.Consequences(), comes), n.Node.Name == "node-2")
		same(t, n.Node.Name+" reloads", n.Keepalived, node.Reload)
	}
}
