package rollout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// ufwText is what ufw 0.36.2 keeps: a person's rules, and kplb's.
const ufwText = `*filter
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### allow tcp 6443 0.0.0.0/0 any 10.1.0.0/16 in
### tuple ### deny tcp 6443 10.1.233.1 any 0.0.0.0/0 in
### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2 in comment=6b706c62
### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.9 in comment=6b706c62
### tuple ### allow tcp 6443 10.1.1.1 any 10.1.1.2 in
### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.3 in_eth0 comment=6b706c62
### tuple ### allow tcp nonsense 0.0.0.0/0 any 0.0.0.0/0 in comment=6b706c62
### END RULES ###
`

func firewalled(t *testing.T, policy string) (*inventory.Cluster, *Facts) {
	t.Helper()
	r := rolloutOf(t, home)
	f := fresh(t, r.Cluster, r.Cluster.Nodes[0])
	f.put(ufwConfPath, 0o644, []byte("# /etc/ufw/ufw.conf\nENABLED=yes\nLOGLEVEL=low\n"))
	f.put(ufwDefaultsPath, 0o644, []byte("IPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\nDEFAULT_OUTPUT_POLICY=\""+policy+"\"\n"))
	f.put(ufwRulesPath, 0o640, []byte(ufwText))
	return r.Cluster, f
}

func words(rules []render.Rule) string {
	var out []string
	for _, r := range rules {
		out = append(out, fmt.Sprint(r))
	}
	return strings.Join(out, "; ")
}

func TestFirewall(t *testing.T) {
	t.Parallel()
	t.Run("opens what lacks, and closes what kplb had opened", func(t *testing.T) {
		t.Parallel()
		c, f := firewalled(t, "ACCEPT")
		p := newNodePlan(c, c.Nodes[0], f)
		p.planFirewall(c, f)
		same(t, "open", words(p.open), "VRRP from 10.1.1.3; TCP port 6443 of 10.1.1.1 from 10.1.1.3; TCP port 6443 of 10.1.233.1")
		same(t, "close", words(p.close), "VRRP from 10.1.1.9")
		same(t, "a person's own rule is enough, and stays", strings.Contains(words(p.open)+words(p.close), "10.1.1.2"), false)
		same(t, "told to ufw", ufwLines("allow", p.open),
			"allow in vrrp 10.1.1.3 any 0\nallow in tcp 10.1.1.3 10.1.1.1 6443\nallow in tcp any 10.1.233.1 6443\n")
		same(t, "told to people", p.Empty(), false)
	})
	t.Run("what goes out, only where that is denied", func(t *testing.T) {
		t.Parallel()
		c, f := firewalled(t, "DROP")
		p := newNodePlan(c, c.Nodes[0], f)
		p.planFirewall(c, f)
		same(t, "open", words(p.open[3:]), "VRRP to 10.1.1.2; TCP port 6443 of 10.1.1.2; VRRP to 10.1.1.3; TCP port 6443 of 10.1.1.3")
	})
	t.Run("goes back to the rules of a saved state", func(t *testing.T) {
		t.Parallel()
		c, f := firewalled(t, "ACCEPT")
		p := newNodePlan(c, c.Nodes[0], f)
		p.planFirewallBack(f, &saved{files: map[string]File{}})
		same(t, "open", words(p.open), "")
		same(t, "close", words(p.close), "VRRP from 10.1.1.2; VRRP from 10.1.1.9")
	})
	t.Run("left alone", func(t *testing.T) {
		t.Parallel()
		c, f := firewalled(t, "ACCEPT")
		c.Firewall = inventory.Leave
		p := newNodePlan(c, c.Nodes[0], f)
		p.planFirewall(c, f)
		same(t, "changes", len(p.open)+len(p.close), 0)
	})
	t.Run("not active", func(t *testing.T) {
		t.Parallel()
		c, f := firewalled(t, "ACCEPT")
		f.put(ufwConfPath, 0o644, []byte("ENABLED=no\n"))
		p := newNodePlan(c, c.Nodes[0], f)
		p.planFirewall(c, f)
		same(t, "changes", len(p.open)+len(p.close)+len(p.notes), 0)
	})
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
  firewall-cmd --permanent --add-port=6443/tcp
  firewall-cmd --reload`,
	} {
		r := rolloutOf(t, home)
		f := fresh(t, r.Cluster, r.Cluster.Nodes[0])
		same(t, "record", f.take(record("filter", filter)), error(nil))
		p := newNodePlan(r.Cluster, r.Cluster.Nodes[0], f)
		p.planFirewall(r.Cluster, f)
		same(t, filter, p.notes, []string{want})
		same(t, filter+" is not touched", len(p.open)+len(p.close), 0)
	}
	f := &Facts{}
	same(t, "record", f.take(record("filter", "ip; reboot; x")), error(nil))
	same(t, "what a node makes up is nothing", f.Filter, "")
}
