package rollout

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// firewalled is node-1 with ufw 0.36.2 enabled. The files are ufw's own, from
// Debian 12: its defaults, and what it was told (see their "### tuple" lines).
func firewalled(t *testing.T, rules string) (*inventory.Cluster, *Facts) {
	t.Helper()
	r := rolloutOf(t, home)
	f := fresh(t, r.Cluster, r.Cluster.Nodes[0])
	put(f, ufwConfPath, 0o644, testdata(t, "ufw-enabled.conf"))
	put(f, ufwDefaultsPath, 0o644, testdata(t, "ufw-defaults"))
	put(f, ufwRulesPath, 0o640, testdata(t, rules))
	return r.Cluster, f
}

func words(rules []render.Rule) []string {
	if rules == nil {
		return nil
	}
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = ufwDirection(r) + " " + r.String()
	}
	return out
}

func TestFirewall(t *testing.T) {
	t.Parallel()
	const stays = "ufw has a rule that kplb leaves alone, and that keeps out what it needs: "
	deny := stays + "deny TCP port 6443 of 10.1.233.1; by hand, if it is not meant so, and then apply again:\n" +
		"  ufw delete deny in proto tcp from any to 10.1.233.1 port 6443"
	reject := stays + "reject VRRP to 10.1.1.2; by hand, if it is not meant so, and then apply again:\n" +
		"  ufw delete reject out log-all proto vrrp from any to 10.1.1.2"
	removed := func(f *Facts) { f.Units["ufw.service"] = Unit{Load: "not-found"} }
	disabled := func(f *Facts) { edit(f, ufwConfPath, "ENABLED=yes", "ENABLED=no") }
	deniesOut := func(f *Facts) { put(f, ufwDefaultsPath, 0o644, testdata(t, "ufw-defaults-out")) }
	for _, c := range []struct {
		name, rules        string
		but                func(*Facts)
		open, close, notes []string
	}{
		{
			name: "only ssh is let in", rules: "ufw-fresh.rules",
			open: []string{
				"in VRRP from 10.1.1.2", "in TCP port 6443 of 10.1.1.1 from 10.1.1.2",
				"in VRRP from 10.1.1.3", "in TCP port 6443 of 10.1.1.1 from 10.1.1.3",
				"in TCP port 6443 of 10.1.233.1",
			},
		},
		{name: "as an apply leaves it", rules: "ufw-applied.rules"},
		{
			name: "as an apply leaves it, but nothing is let out", rules: "ufw-applied.rules", but: deniesOut,
			open: []string{"out VRRP to 10.1.1.2", "out TCP port 6443 of 10.1.1.2", "out VRRP to 10.1.1.3", "out TCP port 6443 of 10.1.1.3"},
		},
		{
			// a person's: what is logged, or more, is enough; what is for one interface, forwarded, or from a subnet is something else
			name: "a person's rules are enough where they are the same or more, and stay where they keep out", rules: "ufw-mixed.rules",
			open:  []string{"in VRRP from 10.1.1.3", "in TCP port 6443 of 10.1.1.1 from 10.1.1.3"},
			close: []string{"in VRRP from 10.1.1.9", "out TCP port 6443 of 10.1.1.2"},
			notes: []string{deny},
		},
		{
			name: "the same, but nothing is let out", rules: "ufw-mixed.rules", but: deniesOut,
			open:  []string{"in VRRP from 10.1.1.3", "in TCP port 6443 of 10.1.1.1 from 10.1.1.3"},
			close: []string{"in VRRP from 10.1.1.9"},
			notes: []string{deny, reject},
		},
		{name: "ufw is not enabled", rules: "ufw-fresh.rules", but: disabled},
		{name: "ufw was removed, and has left its files", rules: "ufw-fresh.rules", but: removed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster, f := firewalled(t, c.rules)
			if c.but != nil {
				c.but(f)
			}
			p := newNodePlan(cluster, cluster.Nodes[0], f)
			p.planFirewall(cluster, f)
			same(t, "open", words(p.open), c.open)
			same(t, "close", words(p.close), c.close)
			same(t, "notes", p.notes, c.notes)
			same(t, "empty", p.Empty(), len(c.open)+len(c.close) == 0)
		})
	}
}

// TestFirewallToMulticast opens for the group before it closes for the nodes: a
// rule that goes is not enough for what stays.
func TestFirewallToMulticast(t *testing.T) {
	t.Parallel()
	c, f := firewalled(t, "ufw-applied.rules")
	put(f, ufwDefaultsPath, 0o644, testdata(t, "ufw-defaults-out"))
	c.VRRP.Mode = inventory.Multicast
	p := newNodePlan(c, c.Nodes[0], f)
	p.planFirewall(c, f)
	same(t, "open", words(p.open), []string{
		"in VRRP to 224.0.0.18 from 10.1.1.2", "in VRRP to 224.0.0.18 from 10.1.1.3",
		"out VRRP to 224.0.0.18", "out TCP port 6443 of 10.1.1.2", "out TCP port 6443 of 10.1.1.3",
	})
	same(t, "close", words(p.close), []string{"in VRRP from 10.1.1.2", "in VRRP from 10.1.1.3"})

	c, f = firewalled(t, "ufw-applied.rules")
	c.VRRP.Mode = inventory.Multicast
	edit(f, ufwRulesPath, "10.1.1.2 in comment=6b706c62", "10.1.1.2 in")
	p = newNodePlan(c, c.Nodes[0], f)
	p.planFirewall(c, f)
	same(t, "a person's is enough", words(p.open), []string{"in VRRP to 224.0.0.18 from 10.1.1.3"})
	same(t, "and stays", words(p.close), []string{"in VRRP from 10.1.1.3"})

	c, f = firewalled(t, "ufw-fresh.rules")
	c.VRRP.Mode = inventory.Multicast
	for filter, want := range map[string]string{
		"inet filter input": "nft insert rule inet filter input ip saddr 10.1.1.2 ip daddr 224.0.0.18 ip protocol vrrp accept",
		"firewalld":         `firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="10.1.1.2" destination address="224.0.0.18" protocol value="vrrp" accept'`,
	} {
		f.Filter = filter
		same(t, filter, strings.TrimSpace(strings.Split(byHand(f, render.Firewall(c, c.Nodes[0])), "\n")[0]), want)
	}
}

func TestFirewallIsLeft(t *testing.T) {
	t.Parallel()
	c, f := firewalled(t, "ufw-mixed.rules")
	c.Firewall = inventory.Leave
	p := newNodePlan(c, c.Nodes[0], f)
	p.planFirewall(c, f)
	same(t, "changes and notes", len(p.open)+len(p.close)+len(p.notes), 0)
}

// TestFirewallBack leaves of kplb's rules those of the saved state, and all of
// a person's.
func TestFirewallBack(t *testing.T) {
	t.Parallel()
	c, f := firewalled(t, "ufw-mixed.rules")
	p := newNodePlan(c, c.Nodes[0], f)
	p.planFirewallBack(f, &node.Snapshot{Files: map[string]File{ufwRulesPath: {Content: testdata(t, "ufw-fresh.rules")}}})
	same(t, "open", words(p.open), []string(nil))
	same(t, "close", words(p.close), []string{"in VRRP from 10.1.1.9", "out TCP port 6443 of 10.1.1.2"})

	c, f = firewalled(t, "ufw-fresh.rules")
	p = newNodePlan(c, c.Nodes[0], f)
	p.planFirewallBack(f, &node.Snapshot{Files: map[string]File{ufwRulesPath: {Content: testdata(t, "ufw-applied.rules")}}})
	same(t, "opens again", len(p.open), 5)
}

// TestUFWRules: what a node's file says is typed, or nothing.
func TestUFWRules(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2 in comment=6b706c62":        "ours: allow VRRP from 10.1.1.2",
		"### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2 in comment=6b706c6263":      "allow VRRP from 10.1.1.2",
		"### tuple ### deny vrrp any 0.0.0.0/0 any 10.1.1.2 in comment=6b706c62":         "deny VRRP from 10.1.1.2",
		"### tuple ### allow_log-all tcp 6443 10.1.233.1 any 0.0.0.0/0 in":               "allow TCP port 6443 of 10.1.233.1",
		"### tuple ### allow tcp 80,443 0.0.0.0/0 any 10.1.1.2 in":                       "",
		"### tuple ### allow tcp 65536 0.0.0.0/0 any 10.1.1.2 in":                        "",
		"### tuple ### allow tcp 6443 0.0.0.0/0 99 10.1.1.2 in":                          "",
		"### tuple ### allow tcp 6443 0.0.0.0/0 any 10.1.0.0/16 in":                      "",
		"### tuple ### allow udp 6443 0.0.0.0/0 any 10.1.1.2 in":                         "",
		"### tuple ### allow any 6443 0.0.0.0/0 any 10.1.1.2 in":                         "",
		"### tuple ### route:allow vrrp any 0.0.0.0/0 any 10.1.1.2 in":                   "",
		"### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2 in_eth0 comment=6b706c62":   "",
		"### tuple ### $(reboot) vrrp any 0.0.0.0/0 any 10.1.1.2 in":                     "",
		"### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2;reboot in comment=6b706c62": "",
		"### tuple ### allow vrrp any":                                                   "",
		"-A ufw-user-input -p vrrp -s 10.1.1.2 -j ACCEPT":                                "",
	} {
		var got []string
		for _, r := range ufwRules([]byte("### RULES ###\n\n" + line + "\n")) {
			got = append(got, map[bool]string{true: "ours: "}[r.ours]+r.String())
		}
		same(t, line, strings.Join(got, "; "), want)
	}
}

// TestCovers: what a person's rule makes ours needless.
func TestCovers(t *testing.T) {
	t.Parallel()
	vrrp := render.Firewall(rolloutOf(t, home).Cluster, rolloutOf(t, home).Cluster.Nodes[0])[0]
	same(t, "rule", vrrp.String(), "VRRP from 10.1.1.2")
	for words, want := range map[string]bool{
		"allow vrrp any 0.0.0.0/0 any 10.1.1.2 in":    true,
		"allow vrrp any 0.0.0.0/0 any 0.0.0.0/0 in":   true,
		"allow any any 0.0.0.0/0 any 10.1.1.2 in":     true, // what a person runs where ufw does not know VRRP
		"allow_log any any 0.0.0.0/0 any 10.1.1.2 in": true,
		"deny any any 0.0.0.0/0 any 10.1.1.2 in":      false,
		"limit any any 0.0.0.0/0 any 10.1.1.2 in":     false,
		"allow any any 0.0.0.0/0 any 10.1.1.2 out":    false,
		"allow any any 0.0.0.0/0 any 10.1.1.3 in":     false,
		"allow any any 224.0.0.18 any 10.1.1.2 in":    false,
		"allow tcp 6443 0.0.0.0/0 any 10.1.1.2 in":    false,
	} {
		r, ok := parseUFWRule(strings.Fields(words))
		same(t, words, ok && r.covers(vrrp), want)
	}
}

// TestSetting reads as ufw does (backend.py, _get_defaults), which is the one
// that is told.
func TestSetting(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# ENABLED=yes\nENABLED=no\n":  "no",
		"ENABLED=yes":                  "yes",
		"ENABLED=\"yes\"\r\n":          "yes",
		"enabled=YES\n":                "yes",
		"ENABLED=no\nENABLED=yes\n":    "yes",
		"ENABLED=yes\nENABLED=no\n":    "no",
		"ENABLED=yes # at last\n":      "yes # at last",
		" ENABLED=yes\n":               "",
		"ENABLED='yes'\n":              "",
		"ENABLED=\nREALLY_ENABLED=yes": "",
	} {
		same(t, text, setting([]byte(text), "ENABLED"), want)
	}
}

// TestFirewallOfAnotherKind is named, with what a person runs.
func TestFirewallOfAnotherKind(t *testing.T) {
	t.Parallel()
	const head = "a firewall that kplb does not look after drops what it is not told to let in: "
	for filter, want := range map[string]string{
		"inet filter input": head + `inet filter input; by hand, if it does not yet:
  nft insert rule inet filter input ip saddr 10.1.1.2 ip protocol vrrp accept
  nft insert rule inet filter input ip saddr 10.1.1.2 tcp dport 6443 accept
  nft insert rule inet filter input ip saddr 10.1.1.3 ip protocol vrrp accept
  nft insert rule inet filter input ip saddr 10.1.1.3 tcp dport 6443 accept
  nft insert rule inet filter input ip daddr 10.1.233.1 tcp dport 6443 accept`,
		"firewalld": head + `firewalld; by hand, if it does not yet:
  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="10.1.1.2" protocol value="vrrp" accept'
  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="10.1.1.2" port port="6443" protocol="tcp" accept'
  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="10.1.1.3" protocol value="vrrp" accept'
  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="10.1.1.3" port port="6443" protocol="tcp" accept'
  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" destination address="10.1.233.1" port port="6443" protocol="tcp" accept'
  firewall-cmd --reload`,
		"ip6 filter INPUT":    "", // cannot stop IPv4
		"bridge filter input": "",
		"ip; reboot; x":       "",
	} {
		r := rolloutOf(t, home)
		f := fresh(t, r.Cluster, r.Cluster.Nodes[0])
		f.Filter = inspected(t, record("filter", filter)).Filter
		p := newNodePlan(r.Cluster, r.Cluster.Nodes[0], f)
		p.planFirewall(r.Cluster, f)
		same(t, filter, strings.Join(p.notes, "\n\n"), want)
		same(t, filter+" is not touched", len(p.open)+len(p.close), 0)
	}
}
