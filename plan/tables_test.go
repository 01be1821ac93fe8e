package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
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

// TestIPVSSettings are applied anew where the kernel has lost them, as after
// a boot without the module.
func TestIPVSSettings(t *testing.T) {
	t.Parallel()
	in := exposedBy(t, inventory.IPVS)
	for _, key := range ipvsSettings {
		facts := all(t, in, applied)
		delete(facts["node-2"].Settings, key)
		same(t, key, planOf(t, in, facts).of("node-2").Sysctl, node.SysctlOn)
	}
}

// TestHAProxyGivesWayToIPVS: when the kernel balances, HAProxy is restored to its
// state before kplb.
func TestHAProxyGivesWayToIPVS(t *testing.T) {
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
		in := inputOf(t, home)
		facts, generations := all(t, in, applied), savedSnapshots{}
		in.Cluster.Exposure = inventory.IPVS
		for _, n := range in.Cluster.Nodes {
			facts[n.Name].Kernel = node.Kernel{Release: "6.1.0-50-amd64", IPVS: "module"}
			before := fresh(t, in.Cluster, n)
			c.before(before)
			generations[SnapshotRequest{n.Name, 0}] = plantest.Snapshot(before)
		}
		p, err := makeWith(t, in.with(facts), generations)
		if err != nil {
			t.Fatal(err)
		}
		n := p.of("node-2")
		same(t, c.name, n.HAProxy, c.haproxy)
		same(t, c.name+": file", slices.Contains(retell(n).Files, c.file), true)
		same(t, c.name+": drop-in", slices.Contains(retell(n).Files, "removed "+render.HAProxyUnitPath), true)
		same(t, c.name+": not at boot", slices.Contains(n.Disable, "haproxy.service"), c.disable)
		same(t, c.name+": it waits for no port", len(n.HAProxyListens), 0)
		same(t, c.name+": the VIP stays", p.of("node-1").losesVIP(), false)
	}
}

// TestIPVSLeavesForeignHAProxy: an HAProxy that kplb did not configure stays as it
// is, and so do the kernel's settings.
func TestIPVSLeavesForeignHAProxy(t *testing.T) {
	t.Parallel()
	in := exposedBy(t, inventory.IPVS)
	facts := all(t, in, applied)
	put(facts["node-2"], render.HAProxyPath, 0o644, []byte("# somebody's\n"))
	facts["node-2"].Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled"}
	p := planOf(t, in, facts)
	same(t, "nothing to do", p.Empty(), true)
}

// TestIPVSBack: remove gives the kernel its settings back, and rollback to
// ipvs has them again.
func TestIPVSBack(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts, generations := all(t, in, applied), savedSnapshots{}
	cluster := *in.Cluster
	cluster.Exposure = inventory.IPVS
	ipvs := &Input{Cluster: &cluster, Templates: in.Templates}
	for _, n := range in.Cluster.Nodes {
		generations[SnapshotRequest{n.Name, 0}] = plantest.Snapshot(fresh(t, in.Cluster, n))
		generations[SnapshotRequest{n.Name, 1}] = plantest.Snapshot(applied(t, ipvs, n))
		put(facts[n.Name], "/var/lib/kplb/current", 0o600, []byte("2\n"))
	}
	input := in.with(facts)
	input.Target, input.Generation = ToGeneration, 1
	p, err := makeWith(t, input, generations)
	if err != nil {
		t.Fatal(err)
	}
	n := p.of("node-2")
	same(t, "to ipvs", []node.Action{n.HAProxy, n.IPVS, n.Keepalived}, []node.Action{node.Stop, node.Start, node.Reload})
	same(t, "sysctl", n.Sysctl, node.SysctlOn)
	same(t, "given back", n.RestoreSettings, []string{"net/ipv4/ip_nonlocal_bind"})
	same(t, "as of", n.RestoreFrom, 1)

	for _, n := range in.Cluster.Nodes {
		now := applied(t, ipvs, n)
		now.Addresses = facts[n.Name].Addresses
		facts[n.Name] = now
	}
	input.Generation = 0
	if p, err = makeWith(t, input, generations); err != nil {
		t.Fatal(err)
	}
	n = p.of("node-2")
	same(t, "away", []node.Action{n.HAProxy, n.IPVS, n.Keepalived}, []node.Action{node.Leave, node.Stop, node.Stop})
	same(t, "sysctl", n.Sysctl, node.SysctlLeave)
	same(t, "given back", n.RestoreSettings, []string{"net/ipv4/ip_forward", "net/ipv4/vs/conntrack", "net/ipv4/vs/expire_nodest_conn"})
}

// TestIPVSStrangers finds a node that may have left in the others' keepalived.conf.
func TestIPVSStrangers(t *testing.T) {
	t.Parallel()
	was := exposedBy(t, inventory.IPVS)
	facts := all(t, was, applied)
	for _, f := range facts {
		plantest.Unrecorded(f, 1)
	}
	in := inputOf(t, strings.Replace(inKernel, "  - {name: node-3, address: 10.1.1.3}\n", "", 1))
	same(t, "strangers", namesOf(member.Membership{}.Strangers(in.Cluster, facts)), "node-3")
}

// TestRefuseIPVS: a plan is refused where a kernel cannot, see refusal.IPVS.
func TestRefuseIPVS(t *testing.T) {
	t.Parallel()
	in := inputOf(t, inKernel)
	facts := all(t, in, freshOf)
	for name, ipvs := range map[string]string{"node-1": "none", "node-2": "module", "node-3": "there"} {
		facts[name].Kernel = node.Kernel{Release: "6.18.44", IPVS: ipvs}
	}
	_, err := Make(in.with(facts))
	says(t, err, "cluster.yaml:9:11: node-1: its kernel 6.18.44 has no ip_vs, which exposure: ipvs needs: there is no /proc/net/ip_vs, and `modprobe -n ip_vs` finds no module")
}
