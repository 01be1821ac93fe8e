package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
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
	there := ufwRules(f.Files[ufwRulesPath].Content)
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
func (p *NodePlan) planFirewallBack(f *Facts, s *saved) {
	if !ufwEnabled(f) {
		return
	}
	var were []render.Rule
	for _, r := range ufwRules(s.files[ufwRulesPath].Content) {
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
		if r.Out {
			continue
		}
		switch from := r.From.String(); {
		case f.Filter == firewalld && r.Protocol == "vrrp" && r.To.IsValid(): // the group
			out = append(out, fmt.Sprintf(`  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="%s" destination address="%s" protocol value="vrrp" accept'`, from, r.To))
		case f.Filter == firewalld && r.Protocol == "vrrp":
			out = append(out, fmt.Sprintf(`  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="%s" protocol value="vrrp" accept'`, from))
		case f.Filter == firewalld && r.From.IsValid():
			out = append(out, fmt.Sprintf(`  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="%s" port port="%d" protocol="tcp" accept'`, from, r.Port))
		case f.Filter == firewalld:
			// not --add-port: that is every address of the node, the apiserver's own too
			out = append(out, fmt.Sprintf(`  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" destination address="%s" port port="%d" protocol="tcp" accept'`, r.To, r.Port))
		case r.Protocol == "vrrp" && r.To.IsValid():
			out = append(out, fmt.Sprintf("  nft insert rule %s ip saddr %s ip daddr %s ip protocol vrrp accept", f.Filter, from, r.To))
		case r.Protocol == "vrrp":
			out = append(out, fmt.Sprintf("  nft insert rule %s ip saddr %s ip protocol vrrp accept", f.Filter, from))
		case r.From.IsValid():
			out = append(out, fmt.Sprintf("  nft insert rule %s ip saddr %s tcp dport %d accept", f.Filter, from, r.Port))
		default:
			out = append(out, fmt.Sprintf("  nft insert rule %s ip daddr %s tcp dport %d accept", f.Filter, r.To, r.Port))
		}
	}
	if f.Filter == firewalld {
		out = append(out, "  firewall-cmd --reload")
	}
	return strings.Join(out, "\n")
}

// firewalld is what inspect.sh calls it.
const firewalld = "firewalld"
