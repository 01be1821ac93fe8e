package render

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/inventory"
)

// Rule is something that a firewall on a node has to let through for the
// rendered files to work.
type Rule struct {
	Out      bool
	Protocol string     // vrrp (IP protocol 112) or tcp
	From, To netip.Addr // zero: any
	Port     uint16     // of To, for tcp
}

// String is the rule for people.
func (r Rule) String() string {
	what := "VRRP"
	if r.Protocol == "tcp" {
		what = fmt.Sprintf("TCP port %d", r.Port)
		if r.To.IsValid() {
			what += " of " + r.To.String()
		}
	} else if r.To.IsValid() {
		what += " to " + r.To.String()
	}
	if r.From.IsValid() {
		what += " from " + r.From.String()
	}
	return what
}

// VRRPGroup is where adverts go with mode multicast (RFC 9568, 5.1.1.2). The
// inventory refuses multicast of IPv6.
var VRRPGroup = netip.AddrFrom4([4]byte{224, 0, 0, 18})

// Firewall lists what a node has to let in, and let out where that is denied:
// VRRP of its peers, clients of the VIP, and its peers' HAProxy at its own
// apiserver; with balancers on workers, theirs, too; for services see there.
// Nothing else is used by the rendered files.
func Firewall(c *inventory.Cluster, n inventory.Node) []Rule {
	var in, out []Rule
	for _, peer := range c.Nodes {
		if peer.Name == n.Name {
			continue
		}
		for _, g := range c.Groups() {
			from := peer.AddressFor(g.Announced())
			group := netip.Addr{} // that adverts go to, in place of the nodes
			if c.VRRP.Mode == inventory.Multicast {
				group = VRRPGroup
			}
			in = once(in, Rule{Protocol: "vrrp", From: from, To: group})
			out = once(out, Rule{Out: true, Protocol: "vrrp", To: cmp.Or(group, from)})
		}
		in = once(in, Rule{Protocol: "tcp", From: peer.Address, To: n.Address, Port: c.Port})
		out = once(out, Rule{Out: true, Protocol: "tcp", To: peer.Address, Port: c.Port})
	}
	for _, vip := range c.VIPs {
		in = append(in, Rule{Protocol: "tcp", To: vip, Port: c.HAProxy.Port}) // a firewall sees a redirected one as it is by then
	}
	if c.WorkerBalancer != nil { // from everywhere, as at the VIP: a rule for each of hundreds of workers takes ufw minutes
		in = append(in, Rule{Protocol: "tcp", To: n.Address, Port: c.Port})
	}
	serviceIn, serviceOut := serviceRules(c, n)
	in = append(append(in, serviceIn...), metricsRules(c, n)...)
	return append(in, append(out, serviceOut...)...)
}

// once adds a rule that is not there yet.
func once(rules []Rule, r Rule) []Rule {
	if slices.Contains(rules, r) {
		return rules
	}
	return append(rules, r)
}
