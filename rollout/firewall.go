package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// planFirewall opens what the rendered files need where ufw is active, and
// closes what kplb has opened and nothing needs any more. Other firewalls are
// named, and left alone.
func (p *NodePlan) planFirewall(c *inventory.Cluster, f *Facts) {
	if c.Firewall != inventory.Manage {
		return
	}
	var want []render.Rule
	denies := setting(f.Files[ufwDefaultsPath].Content, "DEFAULT_OUTPUT_POLICY") != "accept"
	for _, rule := range render.Firewall(c, p.Node) {
		if !rule.Out || denies {
			want = append(want, rule)
		}
	}
	if ufwEnabled(f) {
		p.toRules(f, want)
		return
	}
	if isFilter(f.Filter) && (f.Units["haproxy.service"].Active != "active" || f.Units["keepalived.service"].Active != "active") {
		p.note("a firewall that kplb does not look after drops what it is not told to let in: %s; by hand, if it does not yet:\n%s", f.Filter, byHand(f, want))
	}
}

// toRules plans from the rules that are there to the ones that should be. A
// rule of a person's that lets the same through, or more, is enough, and stays;
// one that keeps just that out stays as well, and is named: ufw would put ours
// in its place, and nothing when ours goes. A rule of ours that goes is enough
// for nothing, such as the one for unicast when adverts become multicast.
func (p *NodePlan) toRules(f *Facts, want []render.Rule) {
	there := ufwAllRules(f.Files)
	for _, rule := range want {
		i := slices.IndexFunc(there, func(r ufwRule) bool { return r.Rule == rule })
		switch {
		case i >= 0 && !there[i].lets():
			p.note("ufw has a rule that kplb leaves alone, and that keeps out what it needs: %s; by hand, if it is not meant so, and then apply again:\n  %s",
				there[i], there[i].deletion())
		case !slices.ContainsFunc(there, func(r ufwRule) bool { return r.covers(rule) && (!r.ours || slices.Contains(want, r.Rule)) }):
			p.open = append(p.open, rule)
		}
	}
	for _, r := range there {
		if r.ours && !slices.Contains(want, r.Rule) {
			p.close = append(p.close, r.Rule)
		}
	}
}

// planFirewallBack leaves of kplb's rules those of a saved state.
func (p *NodePlan) planFirewallBack(f *Facts, s *node.Snapshot) {
	if !ufwEnabled(f) {
		return
	}
	var were []render.Rule
	for _, r := range ufwAllRules(s.Files) {
		if r.ours {
			were = append(were, r.Rule)
		}
	}
	p.toRules(f, were)
}

// isFilter says whether what inspect.sh found can stop IPv4: a chain of ip6,
// arp or bridge cannot, or takes no such rules.
func isFilter(found string) bool {
	return found == firewalld || strings.HasPrefix(found, "inet ") || strings.HasPrefix(found, "ip ")
}

// byHand is what a person runs for other firewalls.
func byHand(f *Facts, want []render.Rule) string {
	var out []string
	for _, r := range want {
		if !r.Out {
			out = append(out, oneByHand(f.Filter, r)...)
		}
	}
	if f.Filter == firewalld {
		out = append(out, "  firewall-cmd --reload")
	}
	return strings.Join(out, "\n")
}

// oneByHand is nothing where the chain does not see the rule's family.
func oneByHand(filter string, r render.Rule) []string {
	family, ip, vrrp := "ipv4", "ip", "ip protocol vrrp"
	if isSix(r) {
		family, ip, vrrp = "ipv6", "ip6", "meta l4proto 112"
	}
	rich := func(format string, args ...any) []string {
		return []string{fmt.Sprintf(`  firewall-cmd --permanent --add-rich-rule='rule family="`+family+`" `+format+" accept'", args...)}
	}
	nft := func(format string, args ...any) []string {
		return []string{fmt.Sprintf("  nft insert rule "+filter+" "+format+" accept", args...)}
	}
	switch from := r.From.String(); {
	case filter != firewalld && isSix(r) && strings.HasPrefix(filter, "ip "):
		return nil
	case filter == firewalld && r.Protocol == "vrrp" && r.To.IsValid(): // the group
		return rich(`source address="%s" destination address="%s" protocol value="vrrp"`, from, r.To)
	case filter == firewalld && r.Protocol == "vrrp":
		return rich(`source address="%s" protocol value="vrrp"`, from)
	case filter == firewalld && r.From.IsValid():
		return rich(`source address="%s" port port="%d" protocol="tcp"`, from, r.Port)
	case filter == firewalld:
		// not --add-port: that is every address of the node, the apiserver's own too
		return rich(`destination address="%s" port port="%d" protocol="tcp"`, r.To, r.Port)
	case r.Protocol == "vrrp" && r.To.IsValid():
		return nft("%s saddr %s %s daddr %s %s", ip, from, ip, r.To, vrrp)
	case r.Protocol == "vrrp":
		return nft("%s saddr %s %s", ip, from, vrrp)
	case r.From.IsValid():
		return nft("%s saddr %s tcp dport %d", ip, from, r.Port)
	}
	return nft("%s daddr %s tcp dport %d", ip, r.To, r.Port)
}

// firewalld is what inspect.sh calls it.
const firewalld = "firewalld"
