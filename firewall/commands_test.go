package firewall

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// TestOtherFirewallIsNamed, with the commands that a person runs, and is left
// alone. Nothing is said of one that cannot drop IPv4, nor where HAProxy and
// keepalived are at work already.
func TestOtherFirewallIsNamed(t *testing.T) {
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
	} {
		c := clusterOf(t, home)
		allow, remove, notes := Plan(c, c.Nodes[0], State{Other: filter})
		same(t, filter, strings.Join(notes, "\n\n"), want)
		same(t, filter+" is not touched", len(allow)+len(remove), 0)
		_, _, notes = Plan(c, c.Nodes[0], State{Other: filter, Serving: true})
		same(t, filter+" is passed", notes, []string(nil))
	}
}

// TestCommandsForMulticast accept adverts to the group only.
func TestCommandsForMulticast(t *testing.T) {
	t.Parallel()
	c := clusterOf(t, home)
	c.VRRP.Mode = inventory.Multicast
	for filter, want := range map[string]string{
		"inet filter input": "nft insert rule inet filter input ip saddr 10.1.1.2 ip daddr 224.0.0.18 ip protocol vrrp accept",
		Firewalld:           `firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="10.1.1.2" destination address="224.0.0.18" protocol value="vrrp" accept'`,
	} {
		same(t, filter, strings.TrimSpace(strings.Split(commands(filter, render.Firewall(c, c.Nodes[0])), "\n")[0]), want)
	}
}

// TestCommandsOfIPv6: a chain of the family ip does not see IPv6.
func TestCommandsOfIPv6(t *testing.T) {
	t.Parallel()
	same(t, "nft", commands("inet filter input", []render.Rule{{Protocol: "vrrp", From: netip.MustParseAddr("fd10:1::2")}, {Protocol: "tcp", To: netip.MustParseAddr("fd10:1::100"), Port: 6443}}),
		"  nft insert rule inet filter input ip6 saddr fd10:1::2 meta l4proto 112 accept\n  nft insert rule inet filter input ip6 daddr fd10:1::100 tcp dport 6443 accept")
	same(t, "nft of IPv4", commands("ip filter INPUT", []render.Rule{{Protocol: "tcp", To: netip.MustParseAddr("fd10:1::100"), Port: 6443}}), "")
}
