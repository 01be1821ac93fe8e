package firewall

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// home is three nodes; the tests look at the first.
const home = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - {name: node-3, address: 10.1.1.3}
ssh: {user: pi}
`

func clusterOf(t *testing.T, text string) *inventory.Cluster {
	t.Helper()
	c, err := inventory.Parse("cluster.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// captured reads a file of ufw 0.36.2 on Debian 12: its defaults, and what it
// was told (see the "### tuple" lines).
func captured(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/firewall", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// enabled is a node on which ufw is enabled, and has the rules of a file.
func enabled(t *testing.T, rules string) State {
	t.Helper()
	return State{Conf: captured(t, "ufw-enabled.conf"), Defaults: captured(t, "ufw-defaults"), Rules: ParseRules(captured(t, rules), nil)}
}

// same fails the test where got is not want.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func words(rules []render.Rule) []string {
	if rules == nil {
		return nil
	}
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = Direction(r) + " " + r.String()
	}
	return out
}

// TestPlan opens what is needed and not open, deletes only what kplb has made,
// and names what keeps out.
func TestPlan(t *testing.T) {
	t.Parallel()
	const stays = "ufw has a rule that kplb leaves alone, and that keeps out what it needs: "
	deny := stays + "deny TCP port 6443 of 10.1.233.1; by hand, if it is not meant so, and then apply again:\n" +
		"  ufw delete deny in proto tcp from any to 10.1.233.1 port 6443"
	reject := stays + "reject VRRP to 10.1.1.2; by hand, if it is not meant so, and then apply again:\n" +
		"  ufw delete reject out log-all proto vrrp from any to 10.1.1.2"
	removed := func(s *State) { s.Removed = true }
	disabled := func(s *State) { s.Conf = bytes.ReplaceAll(s.Conf, []byte("ENABLED=yes"), []byte("ENABLED=no")) }
	deniesOut := func(s *State) { s.Defaults = captured(t, "ufw-defaults-out") }
	for _, c := range []struct {
		name, rules          string
		but                  func(*State)
		allow, remove, notes []string
	}{
		{
			name: "only ssh is let in", rules: "ufw-fresh.rules",
			allow: []string{
				"in VRRP from 10.1.1.2", "in TCP port 6443 of 10.1.1.1 from 10.1.1.2",
				"in VRRP from 10.1.1.3", "in TCP port 6443 of 10.1.1.1 from 10.1.1.3",
				"in TCP port 6443 of 10.1.233.1",
			},
		},
		{name: "as an apply leaves it", rules: "ufw-applied.rules"},
		{
			name: "as an apply leaves it, but nothing is let out", rules: "ufw-applied.rules", but: deniesOut,
			allow: []string{"out VRRP to 10.1.1.2", "out TCP port 6443 of 10.1.1.2", "out VRRP to 10.1.1.3", "out TCP port 6443 of 10.1.1.3"},
		},
		{
			// a person's: what is logged, or more, is enough; what is for one interface, forwarded, or from a subnet is something else
			name: "a person's rules are enough where they are the same or more, and stay where they keep out", rules: "ufw-mixed.rules",
			allow:  []string{"in VRRP from 10.1.1.3", "in TCP port 6443 of 10.1.1.1 from 10.1.1.3"},
			remove: []string{"in VRRP from 10.1.1.9", "out TCP port 6443 of 10.1.1.2"},
			notes:  []string{deny},
		},
		{
			name: "the same, but nothing is let out", rules: "ufw-mixed.rules", but: deniesOut,
			allow:  []string{"in VRRP from 10.1.1.3", "in TCP port 6443 of 10.1.1.1 from 10.1.1.3"},
			remove: []string{"in VRRP from 10.1.1.9"},
			notes:  []string{deny, reject},
		},
		{name: "ufw is not enabled", rules: "ufw-fresh.rules", but: disabled},
		{name: "ufw was removed, and has left its files", rules: "ufw-fresh.rules", but: removed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster, s := clusterOf(t, home), enabled(t, c.rules)
			if c.but != nil {
				c.but(&s)
			}
			allow, remove, notes := Plan(cluster, cluster.Nodes[0], s)
			same(t, "allow", words(allow), c.allow)
			same(t, "remove", words(remove), c.remove)
			same(t, "notes", notes, c.notes)
		})
	}
}

// TestMulticastReplacesUnicast: the rule for the group is there before those for
// the nodes go. A rule of kplb's that is deleted is enough for nothing; one of a
// person's is, and stays.
func TestMulticastReplacesUnicast(t *testing.T) {
	t.Parallel()
	c, s := clusterOf(t, home), enabled(t, "ufw-applied.rules")
	c.VRRP.Mode = inventory.Multicast
	s.Defaults = captured(t, "ufw-defaults-out")
	allow, remove, _ := Plan(c, c.Nodes[0], s)
	same(t, "allow", words(allow), []string{
		"in VRRP to 224.0.0.18 from 10.1.1.2", "in VRRP to 224.0.0.18 from 10.1.1.3",
		"out VRRP to 224.0.0.18", "out TCP port 6443 of 10.1.1.2", "out TCP port 6443 of 10.1.1.3",
	})
	same(t, "remove", words(remove), []string{"in VRRP from 10.1.1.2", "in VRRP from 10.1.1.3"})

	s = enabled(t, "ufw-applied.rules")
	s.Rules = ParseRules(bytes.ReplaceAll(captured(t, "ufw-applied.rules"), []byte("10.1.1.2 in comment=6b706c62"), []byte("10.1.1.2 in")), nil)
	allow, remove, _ = Plan(c, c.Nodes[0], s)
	same(t, "a person's is enough", words(allow), []string{"in VRRP to 224.0.0.18 from 10.1.1.3"})
	same(t, "and stays", words(remove), []string{"in VRRP from 10.1.1.3"})
}

// TestFirewallIsLeft: with firewall: leave there is nothing to do, and nothing to
// be said.
func TestFirewallIsLeft(t *testing.T) {
	t.Parallel()
	c := clusterOf(t, home)
	c.Firewall = inventory.Leave
	for _, s := range []State{enabled(t, "ufw-mixed.rules"), {Other: Firewalld}} {
		allow, remove, notes := Plan(c, c.Nodes[0], s)
		same(t, "changes and notes", len(allow)+len(remove)+len(notes), 0)
	}
}

// TestRestore leaves of kplb's rules those of the generation, and all of a
// person's.
func TestRestore(t *testing.T) {
	t.Parallel()
	generation := func(rules string) []Rule { return ParseRules(captured(t, rules), nil) }
	allow, remove, _ := Restore(enabled(t, "ufw-mixed.rules"), generation("ufw-fresh.rules"))
	same(t, "allow", words(allow), []string(nil))
	same(t, "remove", words(remove), []string{"in VRRP from 10.1.1.9", "out TCP port 6443 of 10.1.1.2"})
	allow, _, _ = Restore(enabled(t, "ufw-fresh.rules"), generation("ufw-applied.rules"))
	same(t, "opens again", len(allow), 5)
	allow, remove, notes := Restore(State{Conf: []byte("ENABLED=no\n")}, generation("ufw-applied.rules"))
	same(t, "ufw is not enabled", len(allow)+len(remove)+len(notes), 0)
}
