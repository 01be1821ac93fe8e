package plan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// firewalled is node-1 with ufw 0.36.2 enabled. The files are ufw's own, from
// Debian 12.
func firewalled(t *testing.T, rules string) (*Input, *node.Facts) {
	t.Helper()
	in := inputOf(t, home)
	f := fresh(t, in.Cluster, in.Cluster.Nodes[0])
	put(f, firewall.ConfPath, 0o644, testdata(t, "ufw-enabled.conf"))
	put(f, firewall.DefaultsPath, 0o644, testdata(t, "ufw-defaults"))
	put(f, firewall.RulesPath, 0o640, testdata(t, rules))
	return in, f
}

// ruleLines are the rules that a plan adds and removes.
func ruleLines(p NodePlan) string {
	var out strings.Builder
	write := func(verb string, rules []render.Rule) {
		for _, r := range rules {
			fmt.Fprintf(&out, "%s %s %s %s %s %d\n", verb, firewall.Direction(r), r.Protocol, firewall.Address(r.From), firewall.Address(r.To), r.Port)
		}
	}
	write("allow", p.UFWAllow)
	write("delete", p.UFWDelete)
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
			f.OtherFirewall, f.Units["ufw.service"] = firewall.Firewalld, node.Unit{Load: "not-found"}
		}, 0, 1},
	} {
		in, f := firewalled(t, c.rules)
		c.but(f)
		p := newBuilder(in.Cluster, in.Cluster.Nodes[0], f)
		p.planFirewall()
		same(t, c.name+": allow", len(p.UFWAllow), c.allow)
		same(t, c.name+": notes", len(p.notes), c.notes)
		same(t, c.name+": empty", p.Empty(), c.allow == 0)
	}
}

// TestOpensFirewall says so in the plan, and in words.
func TestOpensFirewall(t *testing.T) {
	t.Parallel()
	rules := []render.Rule{{Protocol: "tcp", Port: 6443}}
	same(t, "opens", (&Plan{Nodes: []NodePlan{{}, {UFWAllow: rules}}}).OpensFirewall(), true)
	same(t, "closes", (&Plan{Nodes: []NodePlan{{UFWDelete: rules}}}).OpensFirewall(), false)
	same(t, "words", NodePlan{UFWAllow: rules, UFWDelete: rules}.Consequences(), []string{
		"ufw allows: " + rules[0].String(), "ufw no longer allows: " + rules[0].String(),
	})
}

// TestFirewallBack leaves of kplb's rules those of the generation.
func TestFirewallBack(t *testing.T) {
	t.Parallel()
	in, f := firewalled(t, "ufw-mixed.rules")
	p := newBuilder(in.Cluster, in.Cluster.Nodes[0], f)
	restorer{p, &node.Snapshot{Files: map[string]node.File{firewall.RulesPath: {Content: testdata(t, "ufw-fresh.rules")}}}}.firewall()
	same(t, "lines", ruleLines(p.NodePlan), "delete in vrrp 10.1.1.9 any 0\ndelete out tcp any 10.1.1.2 6443\n")
}

// TestOtherFirewall: what the node calls it is typed, or nothing.
func TestOtherFirewall(t *testing.T) {
	t.Parallel()
	const head = "a firewall that kplb does not look after drops what it is not told to let in: "
	for filter, want := range map[string]string{
		"inet filter input": head + "inet filter input; ", "firewalld": head + "firewalld; ",
		"ip6 filter INPUT": "", "ip; reboot; x": "",
	} {
		in := inputOf(t, home)
		f := fresh(t, in.Cluster, in.Cluster.Nodes[0])
		f.OtherFirewall = filterOf(t, filter)
		p := newBuilder(in.Cluster, in.Cluster.Nodes[0], f)
		p.planFirewall()
		got := strings.Join(p.notes, "\n\n")
		same(t, filter, strings.HasPrefix(got, want) && (got == "") == (want == ""), true)
		same(t, filter+" is not touched", len(p.UFWAllow)+len(p.UFWDelete), 0)
	}
}

// filterOf is what is read of a node that says this of its other firewall.
func filterOf(t *testing.T, filter string) string {
	t.Helper()
	f, err := node.Inspect(t.Context(), saying{filter}, kubeadm.Distribution{}, node.InspectRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return f.OtherFirewall
}

// saying is a node that says nothing but what its other firewall is.
type saying struct{ filter string }

func (saying) Name() string { return "node-1" }

func (s saying) Run(_ context.Context, _ remote.Script, each func(remote.Record) error) error {
	return errors.Join(each(remote.Record{Key: "filter", Fields: []string{s.filter}}), each(remote.Record{Key: "done"}))
}

func (saying) Close() error { return nil }

func (saying) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}
