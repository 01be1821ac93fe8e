package rollout

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// holder is the one node that had a VIP when all looked; empty: none, or
// several.
func (s *survey) holder(vip netip.Addr) string {
	found := ""
	for _, n := range s.members {
		if there := s.sights[n.Name]; there != nil && there.holds(vip) {
			if found != "" {
				return ""
			}
			found = n.Name
		}
	}
	return found
}

// answered wants the holder of a VIP to answer the node that asks who has it,
// and nobody else.
func (s *survey) answered(n inventory.Node, vip netip.Addr) Check {
	holder := s.holder(vip)
	check := Check{Node: n.Name, What: fmt.Sprintf("nobody but the holder answers %s for %s", asking(vip), vip), OK: true}
	no := func(cure, detail string, args ...any) Check {
		check.OK, check.Cure, check.Detail = false, cure, fmt.Sprintf(detail, args...)
		return check
	}
	macs, left := s.answers(s.sights[n.Name], vip)
	for _, mac := range macs {
		switch name := s.ours(mac); name {
		case "":
			return no("take the address away from that host: clients that believe it are lost", "%s answers, which is no node of the inventory", mac)
		case holder:
		default:
			return no(fmt.Sprintf("on %s: look for the address (`ip addr show to %s`) and for proxies that answer for others (`ip neigh show proxy`, proxy_arp and proxy_ndp of the interface)", name, vip),
				"%s (%s) answers, which does not hold it alone", mac, name)
		}
	}
	switch {
	case s.sights[n.Name].holds(vip):
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

// checkStates wants one MASTER of a VRRP instance, by each keepalived's own
// word: the node that holds its VIPs. All others have to be ready to take over.
func checkStates(g inventory.Group, nodes []inventory.Node, facts map[string]*node.Facts) Check {
	in := map[string][]string{} // the nodes, by state
	for _, n := range nodes {
		state := facts[n.Name].VRRP[g.Name]
		in[state] = append(in[state], n.Name)
	}
	var words []string
	for _, state := range []string{"MASTER", "BACKUP", "FAULT"} {
		if in[state] != nil {
			words = append(words, strings.Join(in[state], " and ")+": "+state)
		}
	}
	unknown := in[""]
	if unknown != nil {
		words = append(words, "left out "+strings.Join(unknown, ", ")+": the journal does not say")
	}
	check := Check{What: fmt.Sprintf("one keepalived is MASTER of VRRP instance %s", g.Name), OK: true, Detail: strings.Join(words, "; ")}
	no := func(cure string) Check {
		check.OK, check.Cure = false, cure
		return check
	}
	holds := func(name string) bool { return facts[name].Holds(g.Announced()) }
	switch masters := in["MASTER"]; {
	case len(masters) > 1:
		return no("the nodes do not hear each other's VRRP adverts (IP protocol 112): look for a firewall between them, and run `kplb doctor`")
	case in["FAULT"] != nil:
		return no("look at `systemctl status haproxy` and `journalctl -u keepalived` on " + strings.Join(in["FAULT"], " and ") + ": it cannot take the VIP")
	case len(masters) == 1 && !holds(masters[0]):
		return no("look at `journalctl -u keepalived` on " + masters[0] + ": somebody took the VIP away from it, and it has not noticed")
	case len(masters) == 0 && !slices.ContainsFunc(unknown, holds):
		return no("look at `journalctl -u keepalived` on the nodes")
	}
	return check
}
