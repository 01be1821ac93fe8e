package verify

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// exposedBy is home with an exposure.
func exposedBy(t testing.TB, e inventory.Exposure) *fleet.Fleet {
	t.Helper()
	text := strings.Replace(home, "haproxy:\n", "exposure: "+string(e)+"\nhaproxy:\n", 1)
	if e == inventory.IPVS {
		text = strings.Replace(text, "haproxy:\n  monitorPort: 8404\n", "", 1)
	}
	return fleetOf(t, text)
}

// TestCheckRedirect wants the table as it should be, in both chains.
func TestCheckRedirect(t *testing.T) {
	t.Parallel()
	r := exposedBy(t, inventory.Redirect)
	for _, c := range []struct {
		name   string
		change func(f *node.Facts)
		ok     bool
	}{
		{"as it should be", func(*node.Facts) {}, true},
		{"flushed", func(f *node.Facts) { f.Redirect = "" }, false},
		{"one of two chains", func(f *node.Facts) {
			f.Redirect = strings.Replace(f.Redirect, "dnat to 10.1.233.1:8443", "dnat to 10.1.233.1:8444", 1)
		}, false},
	} {
		f := applied(t, r.Cluster, r.Cluster.Nodes[1])
		c.change(f)
		same(t, c.name, checkExposure(r.Cluster, r.Cluster.Nodes[1], f)[1].OK, c.ok)
	}
}

// TestCheckIPVS: what verify says of a node with ipvs.
func TestCheckIPVS(t *testing.T) {
	t.Parallel()
	r := exposedBy(t, inventory.IPVS)
	const well = "node-2: apiserver listens: [::]:6443\nnode-2: nftables marks 10.1.233.1:6443 for the kernel: mark 107\n"
	const ill = "node-2: apiserver listens: [::]:6443\nnode-2: nftables marks 10.1.233.1:6443 for the kernel: table ip kplb differs from what kplb wrote: the node's own apiserver answers, or nobody\n"
	for _, c := range []struct {
		name   string
		change func(f *node.Facts)
		want   string
		ok     bool
		action node.Action
	}{
		{"as it should be", func(*node.Facts) {}, well + "node-2: keepalived sees its servers: 3 of 3 up", true, node.Leave},
		{"one is out", func(f *node.Facts) { f.RealServers = f.RealServers[:2] }, well + "node-2: keepalived sees its servers: 2 of 3 up: node-3 is DOWN (SSL_GET failed)", false, node.Leave},
		{"one has no weight", func(f *node.Facts) { f.RealServers[0].Weight = 0 }, well + "node-2: keepalived sees its servers: 3 of 4 up: node-1 is DOWN (SSL_GET failed), and 3 nodes", false, node.Leave},
		{"one by another method", func(f *node.Facts) { f.RealServers[0].Method = "Route" }, well + "node-2: keepalived sees its servers: 3 of 4 up: node-1 is DOWN (SSL_GET failed), and 3 nodes", false, node.Leave},
		{"a stranger", func(f *node.Facts) {
			f.RealServers = append(f.RealServers, node.RealServer{At: netip.MustParseAddrPort("10.1.1.9:6443"), Method: "Masq", Weight: 1, Active: 0, Inactive: 0})
		}, well + "node-2: keepalived sees its servers: 4 of 4 up, and 3 nodes", false, node.Leave},
		{"no virtual server", func(f *node.Facts) { f.RealServers = nil }, well + "node-2: keepalived sees its servers: the kernel has no virtual server of kplb's in /proc/net/ip_vs", false, node.Leave},
		{"the table is flushed", func(f *node.Facts) { f.Redirect = "" }, ill + "node-2: keepalived sees its servers: 3 of 3 up", false, node.Start},
		{"its own clients are not marked", func(f *node.Facts) { f.Redirect = strings.Replace(f.Redirect, "oif \"lo\" ", "", 1) }, ill + "node-2: keepalived sees its servers: 3 of 3 up", false, node.Start},
		{"answers go elsewhere", func(f *node.Facts) { f.Redirect = strings.Replace(f.Redirect, " masquerade", " accept", 1) }, ill + "node-2: keepalived sees its servers: 3 of 3 up", false, node.Start},
		{"the unit is stopped", func(f *node.Facts) { set(f, render.IPVSUnit, func(u *node.Unit) { u.Active = "inactive" }) }, well + "node-2: keepalived sees its servers: 3 of 3 up", true, node.Start},
	} {
		facts := all(t, r.Cluster, applied)
		f := facts["node-2"]
		c.change(f)
		f.Servers = fleet.IPVSServers(f, r.Cluster)
		ok := true
		checks := checkNode(r.Cluster, r.Cluster.Nodes[1], f, nil)
		said := make([]string, len(checks))
		for i, check := range checks {
			said[i], ok = check.String(), ok && check.OK
		}
		same(t, c.name, strings.Join(said, "\n"), c.want)
		same(t, c.name+": ok", ok, c.ok)
		same(t, c.name+": the mark", planned(t, r, facts, r.Cluster.Nodes[1]).IPVS, c.action)
	}
}
