package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/verdict"
)

// Survey is what the nodes saw at the same time.
type Survey struct {
	cluster      *inventory.Cluster
	members      []inventory.Node // all that are no strangers
	pairs        bool
	facts        map[string]*node.Facts
	observations map[string]*observation // of the nodes that looked
}

// finding is a check, and whether a no keeps an apply from its first change.
type finding struct {
	verdict.Check
	stops bool
	where string // a key of the inventory
}

// no turns a finding into one that did not pass.
func (f finding) no(where, hint, detail string, args ...any) finding {
	f.OK, f.where, f.Hint, f.Detail = false, where, hint, fmt.Sprintf(detail, args...)
	return f
}

func passed(node, what, detail string) finding {
	return finding{Check: verdict.Check{Node: node, What: what, OK: true, Detail: detail}}
}

func (f finding) refusal(c *inventory.Cluster) refusal.Refusal {
	r := refusal.Refusal{Node: f.Node, What: f.Detail, Hint: f.Hint}
	if f.where != "" {
		r.Where = c.Positions.Of(f.where).String()
	}
	return r
}

// of is everything that was seen from one node.
func (s *Survey) of(n inventory.Node) []finding {
	if s.observations[n.Name] == nil {
		return nil
	}
	var out []finding
	for _, vip := range s.cluster.VIPs {
		out = append(out, s.stranger(n, vip))
	}
	out = append(out, s.speakers(n))
	out = append(out, s.arriving(n)...)
	for _, vip := range s.cluster.VIPs {
		out = append(out, s.networks(n, vip))
	}
	return append(out, s.nodePorts(n), guards(s.cluster, n, s.observations[n.Name]))
}

// checkRefusals is what an apply would refuse, and a change that waits.
func checkRefusals(c *inventory.Cluster, n inventory.Node, f *node.Facts) []verdict.Check {
	const what = "nothing on it is in the way"
	refused := refusal.OnNode(c, n, f)
	if waiting, ok := refusal.Waiting([]inventory.Node{n}, map[string]*node.Facts{n.Name: f}).(*refusal.Error); ok { //nolint:errorlint // it is made there
		refused = append(refused, waiting.Refusals...)
	}
	if len(refused) == 0 {
		return []verdict.Check{{Node: n.Name, What: what, OK: true, Detail: versions(f)}}
	}
	out := make([]verdict.Check, len(refused))
	for i, r := range refused {
		out[i] = verdict.Check{Node: n.Name, What: what, Detail: r.What, Hint: r.Hint}
		if r.Where != "" {
			out[i].Detail += " (" + r.Where + ")"
		}
	}
	return out
}

func versions(f *node.Facts) string {
	out := []string{f.OS.String()}
	if f.HAProxy.Installed {
		out = append(out, "haproxy "+f.HAProxy.Version.String())
	}
	if f.Keepalived.Installed {
		out = append(out, "keepalived "+f.Keepalived.Version.String())
	}
	return strings.Join(out, ", ")
}

// owner finds the node that has a MAC: by its own word, or as a neighbour of
// others, for nodes that cannot be asked.
func (s *Survey) owner(mac string) string {
	for _, m := range s.members {
		if there := s.observations[m.Name]; there != nil && slices.Contains(slices.Collect(maps.Values(there.MACs)), mac) {
			return m.Name
		}
	}
	for _, m := range slices.Concat(s.members, s.cluster.Nodes) {
		for _, there := range s.observations {
			if slices.ContainsFunc(there.Neighbours, func(n node.Neighbour) bool { return n.Address == ipv4Of(m) && n.MAC == mac }) {
				return m.Name
			}
		}
	}
	return ""
}

// asking is how one finds out who has an address of this family.
func asking(vip netip.Addr) string {
	if vip.Is6() {
		return "neighbour discovery"
	}
	return "ARP"
}

// answers are the MACs that said to a node that they have a VIP. left says why
// there may be others; empty: there are none.
func (s *Survey) answers(n inventory.Node, vip netip.Addr) (macs []string, left string) {
	mine := s.observations[n.Name]
	macs = slices.Clone(mine.Answers[vip])
	if mine.asksFor(vip) || mine.Holds(vip) {
		return macs, ""
	}
	if !mine.KernelAsked {
		left = mine.whyDoesNotAsk(vip)
	}
	for _, nb := range mine.Neighbours {
		switch {
		case nb.Address != vip:
		case nb.Fresh:
			macs = append(macs, nb.MAC)
		case s.owner(nb.MAC) == "":
			left = fmt.Sprintf("%s had it some time ago, and the node cannot ask again: %s", nb.MAC, mine.whyDoesNotAsk(vip))
		}
	}
	return macs, left
}

// stranger asks who else has a VIP.
func (s *Survey) stranger(n inventory.Node, vip netip.Addr) finding {
	mine := s.observations[n.Name]
	out := passed(n.Name, fmt.Sprintf("nobody else answers %s for %s", asking(vip), vip), "nobody answers")
	out.stops = true
	macs, left := s.answers(n, vip)
	switch {
	case mine.Holds(vip):
		out.Detail = "the node holds it"
	case left != "":
		out.Detail = "left out: " + left
	}
	for _, mac := range macs {
		name := s.owner(mac)
		if name == "" {
			return out.no("vip", "take the address away from that host, or choose a free one as vip", "%s is answered by %s, which is no node of the inventory", vip, mac)
		}
		if name != n.Name {
			out.Detail = "answered by " + name
		}
	}
	return out
}

// familiar says whether an address is one of a node's.
func (s *Survey) familiar(a netip.Addr) bool {
	if slices.ContainsFunc(slices.Concat(s.members, s.cluster.Nodes), func(n inventory.Node) bool { return n.Address == a || slices.Contains(n.Addresses, a) }) {
		return true
	}
	for _, there := range s.observations {
		if there.Holds(a) {
			return true
		}
	}
	return false
}
