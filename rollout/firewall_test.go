package rollout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// firewalled is node-1 with ufw 0.36.2 enabled. The files are ufw's own, from
// Debian 12.
func firewalled(t *testing.T, rules string) (*Rollout, *node.Facts) {
	t.Helper()
	r := rolloutOf(t, home)
	f := fresh(t, r.Cluster, r.Cluster.Nodes[0])
	put(f, firewall.ConfPath, 0o644, testdata(t, "ufw-enabled.conf"))
	put(f, firewall.DefaultsPath, 0o644, testdata(t, "ufw-defaults"))
	put(f, firewall.RulesPath, 0o640, testdata(t, rules))
	return r, f
}

// ruleLines are the rules that a plan adds and removes.
func ruleLines(p NodePlan) string {
	var out strings.Builder
	write := func(verb string, rules []render.Rule) {
		for _, r := range rules {
			fmt.Fprintf(&out, "%s %s %s %s %s %d\n", verb, firewall.Direction(r), r.Protocol, firewall.Address(r.From), firewall.Address(r.To), r.Port)
		}
	}
	write("allow", p.open)
	write("delete", p.close)
	return out.String()
}

// TestFirewall: a node's plan has the rules that its files ask for, and is empty
// where they are there, or ufw is not.
func TestFirewall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, rules  string
		but          func(*node.Facts)
		allow, notes int
	}{
		{"only ssh is let in", "ufw-fresh.rules", func(*node.Facts) {}, 5, 0},
		{"as an apply leaves it", "ufw-applied.rules", func(*node.Facts) {}, 0, 0},
		{"nothing is let out", "ufw-applied.rules", func(f *node.Facts) { put(f, firewall.DefaultsPath, 0o644, testdata(t, "ufw-defaults-out")) }, 4, 0},
		{"ufw is not enabled", "ufw-fresh.rules", func(f *node.Facts) { edit(f, firewall.ConfPath, "ENABLED=yes", "ENABLED=no") }, 0, 0},
		{"ufw was removed, and has left its files", "ufw-fresh.rules", func(f *node.Facts) { f.Units["ufw.service"] = node.Unit{Load: "not-found"} }, 0, 0},
		{"another firewall", "ufw-fresh.rules", func(f *node.Facts) {
			f.Filter, f.Units["ufw.service"] = firewall.Firewalld, node.Unit{Load: "not-found"}
		}, 0, 1},
	} {
		r, f := firewalled(t, c.rules)
		c.but(f)
		p := newNodePlan(r.Cluster, r.Cluster.Nodes[0], f)
		p.planFirewall(r.Cluster, f)
		same(t, c.name+": allow", len(p.open), c.allow)
		same(t, c.name+": notes", len(p.notes), c.notes)
		same(t, c.name+": empty", p.Empty(), c.allow == 0)
	}
}

// TestFirewallBack leaves of kplb's rules those of the generation.
func TestFirewallBack(t *testing.T) {
	t.Parallel()
	r, f := firewalled(t, "ufw-mixed.rules")
	p := newNodePlan(r.Cluster, r.Cluster.Nodes[0], f)
	p.planFirewallBack(f, &node.Snapshot{Files: map[string]node.File{firewall.RulesPath: {Content: testdata(t, "ufw-fresh.rules")}}})
	same(t, "lines", ruleLines(p), "delete in vrrp 10.1.1.9 any 0\ndelete out tcp any 10.1.1.2 6443\n")
}

// TestOtherFirewall: what the node calls it is typed, or nothing.
func TestOtherFirewall(t *testing.T) {
	t.Parallel()
	const head = "a firewall that kplb does not look after drops what it is not told to let in: "
	for filter, want := range map[string]string{
		"inet filter input": head + "inet filter input; ", "firewalld": head + "firewalld; ",
		"ip6 filter INPUT": "", "ip; reboot; x": "",
	} {
		r := rolloutOf(t, home)
		f := fresh(t, r.Cluster, r.Cluster.Nodes[0])
		f.Filter = inspected(t, record("filter", filter)).Filter
		p := newNodePlan(r.Cluster, r.Cluster.Nodes[0], f)
		p.planFirewall(r.Cluster, f)
		got := strings.Join(p.notes, "\n\n")
		same(t, filter, strings.HasPrefix(got, want) && (got == "") == (want == ""), true)
		same(t, filter+" is not touched", len(p.open)+len(p.close), 0)
	}
}
