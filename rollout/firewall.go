package rollout

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// ufw's own files: what it was told, and whether it is active.
const (
	ufwConfPath     = "/etc/ufw/ufw.conf"
	ufwDefaultsPath = "/etc/default/ufw"
	ufwRulesPath    = "/etc/ufw/user.rules"
	ufwRules6Path   = "/etc/ufw/user6.rules"
)

// ufwMark is the comment of kplb's rules, as ufw keeps it (hexadecimal).
const ufwMark = "comment=6b706c62"

// ufwRules are the rules that let through, as far as kplb could have made
// them: ours have its mark.
func ufwRules(text []byte) (all, ours []render.Rule) {
	for line := range strings.Lines(string(text)) {
		words, ok := strings.CutPrefix(strings.TrimSpace(line), "### tuple ### allow ")
		if !ok {
			continue
		}
		rule, mark, ok := ufwRule(strings.Fields(words))
		if !ok {
			continue
		}
		all = append(all, rule)
		if mark {
			ours = append(ours, rule)
		}
	}
	return all, ours
}

// ufwRule reads "PROTOCOL PORT TO PORT FROM DIRECTION [COMMENT]".
func ufwRule(words []string) (rule render.Rule, mark, ok bool) {
	if len(words) < 6 || len(words) > 7 || words[3] != "any" || words[5] != "in" && words[5] != "out" {
		return rule, false, false
	}
	rule.Protocol, rule.Out = words[0], words[5] == "out"
	if rule.Protocol == "tcp" {
		port, err := strconv.ParseUint(words[1], 10, 16)
		if err != nil {
			return rule, false, false
		}
		rule.Port = uint16(port)
	}
	for _, side := range []struct {
		to   *netip.Addr
		word string
	}{{&rule.To, words[2]}, {&rule.From, words[4]}} {
		if side.word == "0.0.0.0/0" {
			continue
		}
		address, err := netip.ParseAddr(side.word)
		if err != nil {
			return rule, false, false
		}
		*side.to = address
	}
	return rule, len(words) == 7 && words[6] == ufwMark, true
}

// setting is a value of a shell-like file: KEY=value or KEY="value".
func setting(text []byte, key string) string {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.ToLower(strings.Trim(value, `"'`))
		}
	}
	return ""
}

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
	if setting(f.Files[ufwConfPath].Content, "ENABLED") == "yes" {
		p.toRules(f, want)
		return
	}
	if f.Filter != "" && (f.Units["haproxy.service"].Active != "active" || f.Units["keepalived.service"].Active != "active") {
		p.note("a firewall that kplb does not look after drops what it is not told to let in: %s; by hand, if it does not yet:\n%s", f.Filter, byHand(f, want))
	}
}

// toRules plans from the rules that are there to the ones that should be. A
// rule of a person's that is the same is enough, and stays.
func (p *NodePlan) toRules(f *Facts, want []render.Rule) {
	all, ours := ufwRules(f.Files[ufwRulesPath].Content)
	for _, rule := range want {
		if !slices.Contains(all, rule) {
			p.open = append(p.open, rule)
		}
	}
	for _, rule := range ours {
		if !slices.Contains(want, rule) {
			p.close = append(p.close, rule)
		}
	}
}

// planFirewallBack leaves of kplb's rules those of a saved state.
func (p *NodePlan) planFirewallBack(f *Facts, s *saved) {
	if setting(f.Files[ufwConfPath].Content, "ENABLED") != "yes" {
		return
	}
	_, were := ufwRules(s.files[ufwRulesPath].Content)
	p.toRules(f, were)
}

// lines is what firewall.sh reads: allow or delete, direction, protocol, from,
// to, port.
func ufwLines(verb string, rules []render.Rule) string {
	var out strings.Builder
	word := func(a netip.Addr) string {
		if a.IsValid() {
			return a.String()
		}
		return "any"
	}
	for _, r := range rules {
		direction := map[bool]string{true: "out", false: "in"}[r.Out]
		fmt.Fprintf(&out, "%s %s %s %s %s %d\n", verb, direction, r.Protocol, word(r.From), word(r.To), r.Port)
	}
	return out.String()
}

// byHand is what a person runs for other firewalls.
func byHand(f *Facts, want []render.Rule) string {
	var out []string
	for _, r := range want {
		if r.Out {
			continue
		}
		switch from := r.From.String(); {
		case f.Filter == firewalld && r.Protocol == "vrrp":
			out = append(out, fmt.Sprintf(`  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="%s" protocol value="vrrp" accept'`, from))
		case f.Filter == firewalld && r.From.IsValid():
			out = append(out, fmt.Sprintf(`  firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="%s" port port="%d" protocol="tcp" accept'`, from, r.Port))
		case f.Filter == firewalld:
			out = append(out, fmt.Sprintf(`  firewall-cmd --permanent --add-port=%d/tcp`, r.Port))
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
