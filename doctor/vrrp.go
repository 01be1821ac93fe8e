package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

func (s *Survey) speakers(n inventory.Node) finding {
	groups := s.cluster.Groups()
	mine, ids, words := s.observations[n.Name], make([]int, len(groups)), make([]string, len(groups))
	for i, g := range groups {
		ids[i], words[i] = g.VirtualRouterID, strconv.Itoa(g.VirtualRouterID)
	}
	out := passed(n.Name, "no other router uses VRID "+strings.Join(words, " or "), "no other VRRP router was heard")
	out.stops = true
	if !mine.Listens || mine.ListenError != "" {
		out.Detail = "left out: " + mine.whyNotListening()
		return out
	}
	var others []string
	for _, sp := range mine.Speakers {
		switch {
		case s.familiar(sp.Address):
		case slices.Contains(ids, sp.VRID):
			return out.no("vrrp.virtualRouterID", "set vrrp.virtualRouterID to a number that nobody on this network uses", "another router sends VRRP: %s", sp)
		default:
			others = append(others, sp.String())
		}
	}
	if others != nil {
		out.Detail = "others: " + strings.Join(others, ", ")
	}
	return out
}

// arriving wants the probes of all other nodes.
func (s *Survey) arriving(n inventory.Node) []finding {
	mine := s.observations[n.Name]
	ok := passed(n.Name, "VRRP (IP protocol 112) of the others arrives", "")
	ok.stops = true
	var out []finding
	var from, leftOut []string
	for _, p := range s.cluster.Nodes {
		peer := s.observations[p.Name]
		switch {
		case !s.pairs || peer == nil || p.Name == n.Name:
		case slices.Contains(peer.EgressBlocked, s.advertTo(n)) && s.opens(p):
			leftOut = append(leftOut, fmt.Sprintf("from %s: ufw is active there, and an apply opens it", p.Name))
		case slices.Contains(peer.EgressBlocked, s.advertTo(n)):
			out = append(out, ok.no("", s.hintOut(p, n), "VRRP (IP protocol 112) to %s does not leave %s: its own firewall stops it", n.Name, p.Name))
		case mine.Heard[peer.nonce]:
			from = append(from, p.Name)
		case !mine.Listens || mine.ListenError != "":
			leftOut = append(leftOut, fmt.Sprintf("from %s: %s", p.Name, mine.whyNotListening()))
		case !peer.Listens || peer.ListenError != "" || peer.Sent.IsZero():
			leftOut = append(leftOut, fmt.Sprintf("from %s: it cannot send a probe (%s)", p.Name, peer.whyNotSending(p)))
		case mine.ended.Before(peer.Sent):
			leftOut = append(leftOut, fmt.Sprintf("from %s: it was too late", p.Name))
		case s.opens(n) || s.opens(p):
			leftOut = append(leftOut, fmt.Sprintf("from %s: ufw is active, and an apply opens it", p.Name))
		default:
			out = append(out, ok.no("", s.hintIn(p, n), "VRRP (IP protocol 112) from %s does not arrive at %s", p.Name, n.Name))
		}
	}
	switch {
	case leftOut != nil:
		ok.Detail = "left out " + strings.Join(leftOut, ", ")
	case from != nil:
		ok.Detail = "from " + strings.Join(from, ", ")
	default:
		return out
	}
	return append(out, ok)
}

// opens says whether an apply has something to open in a node's ufw.
func (s *Survey) opens(n inventory.Node) bool {
	f := s.facts[n.Name]
	if f == nil {
		return false
	}
	allow, _, _ := firewall.Plan(s.cluster, n, node.FirewallOf(f))
	return len(allow) > 0
}

// vrrpGroupMAC is the Ethernet address of VRRP's group (RFC 1112, 6.4). Probes
// go where adverts go: firewalls and switches tell one from the other.
const vrrpGroupMAC = "01:00:5e:00:00:12"

func multicast(c *inventory.Cluster) bool { return c.VRRP.Mode == inventory.Multicast }

// advertTo is where a node's adverts for another one go.
func (s *Survey) advertTo(n inventory.Node) netip.Addr {
	if multicast(s.cluster) {
		return render.VRRPGroup
	}
	return ipv4Of(n)
}

// hintIn is the command that lets VRRP from one node into another.
func (s *Survey) hintIn(from, to inventory.Node) string {
	if f := s.facts[to.Name]; f != nil && node.FirewallOf(f).UFWEnabled() {
		return fmt.Sprintf("on %s: ufw allow in proto vrrp from %s", to.Name, ipv4Of(from))
	}
	in := fmt.Sprintf("nft insert rule inet filter input ip saddr %s ip protocol vrrp accept", ipv4Of(from))
	if f := s.facts[to.Name]; f != nil && f.OtherFirewall == firewall.Firewalld {
		in = fmt.Sprintf(`firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="%s" protocol value="vrrp" accept' && firewall-cmd --reload`, ipv4Of(from))
	} else if f != nil && firewall.FiltersIPv4(f.OtherFirewall) {
		in = fmt.Sprintf("nft insert rule %s ip saddr %s ip protocol vrrp accept", f.OtherFirewall, ipv4Of(from))
	}
	return fmt.Sprintf("let it in, on %s: %s; or look for a firewall on the way", to.Name, in)
}

// hintOut is the command that lets VRRP to one node out of another.
func (s *Survey) hintOut(from, to inventory.Node) string {
	if f := s.facts[from.Name]; f != nil && node.FirewallOf(f).UFWEnabled() {
		return fmt.Sprintf("on %s: ufw allow out proto vrrp to %s", from.Name, s.advertTo(to))
	}
	return fmt.Sprintf("let it out, on %s: nft insert rule inet filter output ip daddr %s ip protocol vrrp accept", from.Name, s.advertTo(to))
}
