package render

import (
	"fmt"
	"net/netip"

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

// Firewall lists what a node has to let in, and let out where that is denied:
// VRRP of its peers, clients of the VIP, and its peers' HAProxy at its own
// apiserver; with balancers on workers, theirs, too. Nothing else is used by the rendered files.
func Firewall(c *inventory.Cluster, n inventory.Node) []Rule {
	var in, out []Rule
	for _, peer := range c.Nodes {
		if peer.Name == n.Name {
			continue
		}
		in = append(in, Rule{Protocol: "vrrp", From: peer.Address})
		in = append(in, Rule{Protocol: "tcp", From: peer.Address, To: n.Address, Port: c.Port})
		out = append(out, Rule{Out: true, Protocol: "vrrp", To: peer.Address})
		out = append(out, Rule{Out: true, Protocol: "tcp", To: peer.Address, Port: c.Port})
	}
	in = append(in, Rule{Protocol: "tcp", To: c.VIP, Port: c.Port})
	if c.WorkerBalancer != nil { // from everywhere, as at the VIP: a rule for each of hundreds of workers takes ufw minutes
		in = append(in, Rule{Protocol: "tcp", To: n.Address, Port: c.Port})
	}
	return append(in, out...)
}
