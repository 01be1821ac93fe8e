package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/verdict"
)

// Speakers is whether strangers speak VRRP with a virtual router ID of the
// cluster's, as a node that looked hears it.
func (s *Survey) Speakers(n inventory.Node) verdict.Check { return s.speakers(n).Check }

// Answered wants the holder of a VIP to answer the node that asks who has it,
// and nobody else.
func (s *Survey) Answered(n inventory.Node, vip netip.Addr) verdict.Check {
	holder := node.Holder(vip, s.members, s.observations)
	check := verdict.Check{Node: n.Name, What: fmt.Sprintf("nobody but the holder answers %s for %s", asking(vip), vip), OK: true}
	no := func(hint, detail string, args ...any) verdict.Check {
		check.OK, check.Hint, check.Detail = false, hint, fmt.Sprintf(detail, args...)
		return check
	}
	macs, left := s.answers(n, vip)
	for _, mac := range macs {
		switch name := s.owner(mac); name {
		case "":
			return no("take the address away from that host: clients that believe it are lost", "%s answers, which is no node of the inventory", mac)
		case holder:
		default:
			return no(fmt.Sprintf("on %s: look for the address (`ip addr show to %s`) and for proxies that answer for others (`ip neigh show proxy`, proxy_arp and proxy_ndp of the interface)", name, vip),
				"%s (%s) answers, which does not hold it alone", mac, name)
		}
	}
	switch {
	case s.observations[n.Name].Holds(vip):
		check.Detail = "it is the holder, and nobody else answers"
	case left != "":
		check.Detail = "left out: " + left
	case holder == "":
		check.Detail = "no single node holds it, and no other machine answers"
	case len(macs) == 0:
		return no("look for what keeps them apart: a switch, a firewall of nftables or ebtables, arp_ignore of the interface", "%s holds it, and does not answer", holder)
	default:
		check.Detail = fmt.Sprintf("%s is that of %s", strings.Join(macs, ", "), holder)
	}
	return check
}
