package rollout

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
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
	var refused *RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("%T", err)
	}
	same(t, "cures", refused.Hints(), []string{"boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or " + elsewise})
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
		same(t, c.name+": the mark", planOf(t, r, facts).of("node-2").Director, c.action)
	}
}

// TestDirectorSettings are applied anew where the kernel has lost them, as after
// a boot without the module.
func TestDirectorSettings(t *testing.T) {
	t.Parallel()
	r := exposedBy(t, inventory.IPVS)
	for _, key := range directorSettings {
		facts := all(t, r, applied)
		delete(facts["node-2"].Settings, key)
		same(t, key, planOf(t, r, facts).of("node-2").Sysctl, node.SysctlOn)
	}
}

// inKernelFleet has the inventory say ipvs, and kernels that can.
func inKernelFleet(t *testing.T, of func(testing.TB, *Rollout, inventory.Node) *node.Facts) *fleet {
	t.Helper()
	f := newFleet(t, of)
	f.Cluster.Exposure = inventory.IPVS
	for _, member := range f.nodes {
		member.facts.Kernel = node.Kernel{Release: "6.1.0-50-amd64", IPVS: "module"}
	}
	return f
}

// TestAlone brings HAProxy to what it was before kplb, when the kernel is to
// balance in its place.
func TestAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		before  func(f *node.Facts)
		haproxy node.Action
		file    string
		disable bool
	}{
		{"it did nothing", func(*node.Facts) {}, node.Stop, "changed " + render.HAProxyPath, true},
		{"it served somebody", func(f *node.Facts) { f.Units["haproxy.service"] = node.Unit{Active: "active", File: "enabled"} }, node.Restart, "changed " + render.HAProxyPath, false},
		{"it was not installed", func(f *node.Facts) { delete(f.Files, render.HAProxyPath); delete(f.Units, "haproxy.service") }, node.Stop, "removed " + render.HAProxyPath, true},
	} {
		f := inKernelFleet(t, applied)
		for _, n := range f.Cluster.Nodes {
			before := fresh(t, f.Cluster, n)
			c.before(before)
			f.nodes[n.Name].save("0", before)
		}
		p, err := f.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := p.of("node-2")
		same(t, c.name, n.HAProxy, c.haproxy)
		same(t, c.name+": file", slices.Contains(retell(n).Files, c.file), true)
		same(t, c.name+": drop-in", slices.Contains(retell(n).Files, "removed "+render.HAProxyUnitPath), true)
		same(t, c.name+": not at boot", slices.Contains(n.Disable, "haproxy.service"), c.disable)
		same(t, c.name+": it waits for no port", len(n.serves), 0)
		same(t, c.name+": the VIP stays", p.of("node-1").leaves(), false)
	}
}

// TestAloneAgain leaves a HAProxy alone that is not kplb's, and the kernel as it
// is.
func TestAloneAgain(t *testing.T) {
	t.Parallel()
	r := exposedBy(t, inventory.IPVS)
	facts := all(t, r, applied)
	put(facts["node-2"], render.HAProxyPath, 0o644, []byte("# somebody's\n"))
	facts["node-2"].Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled"}
	p := planOf(t, r, facts)
	same(t, "nothing to do", p.Empty(), true)
}

// TestDirectorBack: remove gives the kernel its settings back, and rollback to
// ipvs has them again.
func TestDirectorBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	cluster := *f.Cluster
	cluster.Exposure = inventory.IPVS
	direct := &Rollout{Cluster: &cluster, Templates: f.Templates}
	for i, n := range f.Cluster.Nodes {
		member := f.nodes[n.Name]
		member.save("0", fresh(t, f.Cluster, n))
		member.save("1", applied(t, direct, direct.Cluster.Nodes[i]))
		put(member.facts, basePath+"/current", 0o600, []byte("2\n"))
	}
	p, err := f.PlanBack(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	n := p.of("node-2")
	same(t, "to ipvs", []node.Action{n.HAProxy, n.Director, n.Keepalived}, []node.Action{node.Stop, node.Start, node.Reload})
	same(t, "sysctl", n.Sysctl, node.SysctlOn)
	same(t, "given back", n.gives, []string{"net/ipv4/ip_nonlocal_bind"})
	same(t, "as of", n.givesOf, 1)
	same(t, "asked for its kernel", asked[node.InspectRequest](f, "node-1 inspect").Kernel, true)

	for i, n := range f.Cluster.Nodes {
		now := applied(t, direct, direct.Cluster.Nodes[i])
		now.Addresses = f.nodes[n.Name].facts.Addresses
		f.nodes[n.Name].facts = now
	}
	if p, err = f.PlanBack(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	n = p.of("node-2")
	same(t, "away", []node.Action{n.HAProxy, n.Director, n.Keepalived}, []node.Action{node.Leave, node.Stop, node.Stop})
	same(t, "sysctl", n.Sysctl, node.SysctlLeave)
	same(t, "given back", n.gives, []string{"net/ipv4/ip_forward", "net/ipv4/vs/conntrack", "net/ipv4/vs/expire_nodest_conn"})
}

// TestDirectorLeavers finds a node that has left by the others' keepalived.conf.
func TestDirectorLeavers(t *testing.T) {
	t.Parallel()
	was := exposedBy(t, inventory.IPVS)
	facts := all(t, was, applied)
	r := rolloutOf(t, strings.Replace(inKernel, "  - {name: node-3, address: 10.1.1.3}\n", "", 1))
	left := leavers(r.Cluster, facts)
	if len(left) != 1 || left[0].Name != "node-3" || left[0].Address.String() != "10.1.1.3" {
		t.Errorf("%+v", left)
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
