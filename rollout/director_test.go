package rollout

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
)

const inKernel = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - {name: node-3, address: 10.1.1.3}
exposure: ipvs
`

const noIPVS = "its kernel 6.18.44 has no ip_vs, which exposure: ipvs needs: there is no /proc/net/ip_vs, and `modprobe -n ip_vs` finds no module"

// TestDirectorIsRefused where a kernel cannot, before any node is asked for more
// than what it is; and there is nothing to be proven there.
func TestDirectorIsRefused(t *testing.T) {
	t.Parallel()
	f := newFleet(t, freshOf)
	f.Cluster.Exposure = inventory.IPVS
	f.Cluster.Positions = parse(t, inKernel).Positions
	for name, member := range f.nodes {
		member.facts.Kernel = map[string]node.Kernel{
			"node-1": {Release: "6.18.44", IPVS: "none"}, "node-2": {Release: "6.1.0-50-amd64", IPVS: "module"}, "node-3": {Release: "6.1.0-50-amd64", IPVS: "there"},
		}[name]
	}
	_, err := f.Plan(t.Context())
	says(t, err, "cluster.yaml:9:11: node-1: "+noIPVS)
	var refused *plan.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("%T", err)
	}
	same(t, "cures", refused.Hints(), []string{"boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or write exposure: redirect, which gives clients the same port and leaves the apiservers alone, too; " +
		"`kplb render` shows the files of ipvs, and docs/decisions/0015-ipvs.md what is known of them"})
	same(t, "asked", f.log(), []string(nil))
	same(t, "asked for its kernel", asked[node.InspectRequest](f, "node-1 inspect").Kernel, true)
	_, err = f.Verify(t.Context(), 0)
	says(t, err, "cluster.yaml:9:11: node-1: "+noIPVS)

	statuses, err := f.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(statuses.Nodes[0].Refused) == 0 || statuses.Nodes[0].Refused[0] != noIPVS {
		t.Errorf("status says %q", statuses.Nodes[0].Refused)
	}
	same(t, "of the others", len(statuses.Nodes[2].Refused), 0)
}

// TestKernelIsAsked only where it counts.
func TestKernelIsAsked(t *testing.T) {
	t.Parallel()
	f := newFleet(t, freshOf)
	if _, err := f.Inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "asked for its kernel", asked[node.InspectRequest](f, "node-1 inspect").Kernel, false)
}

// TestCheckDirector: what verify says of a node with ipvs.
func TestCheckDirector(t *testing.T) {
	t.Parallel()
	r := exposedBy(t, inventory.IPVS)
	const well = "node-2: apiserver listens: [::]:6443\nnode-2: nftables marks 10.1.233.1:6443 for the kernel: mark 107\n"
	const ill = "node-2: apiserver listens: [::]:6443\nnode-2: nftables marks 10.1.233.1:6443 for the kernel: table ip kplb is not as it should be: the node's own apiserver answers, or nobody\n"
	for _, c := range []struct {
		name   string
		change func(f *node.Facts)
		want   string
		ok     bool
		action node.Action
	}{
		{"as it should be", func(*node.Facts) {}, well + "node-2: keepalived sees its servers: 3 of 3 up", true, node.Leave},
		{"one is out", func(f *node.Facts) { f.Directed = f.Directed[:2] }, well + "node-2: keepalived sees its servers: 2 of 3 up: node-3 is DOWN (SSL_GET failed)", false, node.Leave},
		{"one has no weight", func(f *node.Facts) { f.Directed[0].Weight = 0 }, well + "node-2: keepalived sees its servers: 3 of 4 up: node-1 is DOWN (SSL_GET failed), and 3 nodes", false, node.Leave},
		{"one by another method", func(f *node.Facts) { f.Directed[0].Method = "Route" }, well + "node-2: keepalived sees its servers: 3 of 4 up: node-1 is DOWN (SSL_GET failed), and 3 nodes", false, node.Leave},
		{"a stranger", func(f *node.Facts) {
			f.Directed = append(f.Directed, node.RealServer{At: netip.MustParseAddrPort("10.1.1.9:6443"), Method: "Masq", Weight: 1, Active: 0, Inactive: 0})
		}, well + "node-2: keepalived sees its servers: 4 of 4 up, and 3 nodes", false, node.Leave},
		{"no virtual server", func(f *node.Facts) { f.Directed = nil }, well + "node-2: keepalived sees its servers: the kernel has no virtual server of kplb's in /proc/net/ip_vs", false, node.Leave},
		{"the table is flushed", func(f *node.Facts) { f.Redirect = "" }, ill + "node-2: keepalived sees its servers: 3 of 3 up", false, node.Start},
		{"its own clients are not marked", func(f *node.Facts) { f.Redirect = strings.Replace(f.Redirect, "oif \"lo\" ", "", 1) }, ill + "node-2: keepalived sees its servers: 3 of 3 up", false, node.Start},
		{"answers go elsewhere", func(f *node.Facts) { f.Redirect = strings.Replace(f.Redirect, " masquerade", " accept", 1) }, ill + "node-2: keepalived sees its servers: 3 of 3 up", false, node.Start},
		{"the unit is stopped", func(f *node.Facts) { set(f, render.IPVSUnit, func(u *node.Unit) { u.Active = "inactive" }) }, well + "node-2: keepalived sees its servers: 3 of 3 up", true, node.Start},
	} {
		facts := all(t, r, applied)
		f := facts["node-2"]
		c.change(f)
		f.Servers = directs(f, r.Cluster)
		ok := true
		checks := checkNode(r.Cluster, r.Cluster.Nodes[1], f, nil)
		said := make([]string, len(checks))
		for i, check := range checks {
			said[i], ok = check.String(), ok && check.OK
		}
		same(t, c.name, strings.Join(said, "\n"), c.want)
		same(t, c.name+": ok", ok, c.ok)
		same(t, c.name+": the mark", of(planOf(t, r, facts), "node-2").IPVS, c.action)
	}
}

// TestDirectorStatus has the real servers in place of HAProxy's.
func TestDirectorStatus(t *testing.T) {
	t.Parallel()
	r := exposedBy(t, inventory.IPVS)
	facts := all(t, r, applied)
	facts["node-1"].Directed[1].Active, facts["node-1"].Directed[1].Inactive = 4, 1
	facts["node-1"].Directed = facts["node-1"].Directed[:2]
	seen := make([]glance, 3)
	for i, n := range r.Cluster.Nodes {
		facts[n.Name].Servers = directs(facts[n.Name], r.Cluster)
		seen[i].facts = facts[n.Name]
	}
	s := r.assess(t.Context(), r.Cluster.Nodes, seen)
	same(t, "the kernel balances", s.Kernel, true)
	same(t, "servers", s.Servers, []ServerStatus{{"node-1", "UP", "SSL_GET ok", 0}, {"node-2", "UP", "SSL_GET ok", 5}, {"node-3", "DOWN", "SSL_GET failed", 0}})
	same(t, "ready", s.Nodes[0].Apiserver.String(), "ready")
	same(t, "ready for two", s.Nodes[2].Apiserver.String(), "ready for 2 of 3: SSL_GET failed, SSL_GET ok")
	same(t, "as planned", s.AsPlanned(), true)
	facts["node-2"].Units[render.IPVSUnit] = node.Unit{Active: "inactive"}
	s = r.assess(t.Context(), r.Cluster.Nodes, seen)
	same(t, "its unit is stopped", s.Nodes[1].AsPlanned(), false)
}
