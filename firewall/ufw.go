package firewall

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/kplb/kplb/render"
)

// The files of ufw: whether it is enabled, its policies, and its rules of each
// family.
const (
	ConfPath     = "/etc/ufw/ufw.conf"
	DefaultsPath = "/etc/default/ufw"
	RulesPath    = "/etc/ufw/user.rules"
	Rules6Path   = "/etc/ufw/user6.rules"
)

// mark is the comment of kplb's rules, as ufw keeps it (hexadecimal).
const mark = "comment=6b706c62"

// UFWEnabled says whether ufw is to be changed. Where its package was removed,
// but not purged, its files still say that it is enabled.
func (s State) UFWEnabled() bool { return setting(s.Conf, "ENABLED") == "yes" && !s.Removed }

// DropsIPv6 says whether ufw drops every packet of IPv6, whatever its rules.
func (s State) DropsIPv6() bool { return s.UFWEnabled() && setting(s.Defaults, "IPV6") == "no" }

// deniesOutgoing says whether outgoing packets need a rule.
func (s State) deniesOutgoing() bool {
	return setting(s.Defaults, "DEFAULT_OUTPUT_POLICY") != "accept"
}

// Rule is a rule of ufw's that has the form of kplb's: whoever made it, and
// whatever it does. Its protocol can be any, too.
type Rule struct {
	render.Rule
	action string // allow, deny, reject or limit, with _log or _log-all
	ours   bool   // kplb has made it
	ipv6   bool
}

var actionForm = regexp.MustCompile(`^(allow|deny|reject|limit)(_log(-all)?)?$`)

// allows says whether the rule lets all packets through that match it.
func (r Rule) allows() bool { return strings.HasPrefix(r.action, "allow") }

// covers says whether the rule lets through everything that another one is for.
func (r Rule) covers(other render.Rule) bool {
	return r.allows() && r.ipv6 == isIPv6(other) && r.Out == other.Out && (!r.From.IsValid() || r.From == other.From) && (!r.To.IsValid() || r.To == other.To) &&
		(r.Protocol == "any" || r.Protocol == other.Protocol && r.Port == other.Port)
}

// String is the rule for people.
func (r Rule) String() string {
	action, _, _ := strings.Cut(r.action, "_")
	return action + " " + r.Rule.String()
}

// deletion is the command that deletes the rule.
func (r Rule) deletion() string {
	action, log, logs := strings.Cut(r.action, "_")
	direction := Direction(r.Rule)
	if logs {
		direction += " " + log
	}
	out := fmt.Sprintf("ufw delete %s %s proto %s from %s to %s", action, direction, r.Protocol, Address(r.From), Address(r.To))
	if r.Protocol == "tcp" {
		out += fmt.Sprintf(" port %d", r.Port)
	}
	return out
}

// isIPv6 says whether a rule of kplb's is of IPv6. Each has an address.
func isIPv6(r render.Rule) bool { return r.From.Is6() || r.To.Is6() }

// ParseRules reads the contents of RulesPath and Rules6Path: ufw has a file for
// each family. It finds the rules that kplb could have made, and those that ufw
// would replace with kplb's, because it has one rule, whatever its action, for
// the same traffic.
func ParseRules(rules, rules6 []byte) []Rule {
	out := parseRules(rules)
	for _, r := range parseRules(rules6) {
		r.ipv6 = true
		out = append(out, r)
	}
	return out
}

func parseRules(text []byte) []Rule {
	var out []Rule
	for line := range strings.Lines(string(text)) {
		words, ok := strings.CutPrefix(strings.TrimSpace(line), "### tuple ### ")
		if !ok {
			continue
		}
		if rule, ok := parseRule(strings.Fields(words)); ok {
			out = append(out, rule)
		}
	}
	return out
}

// parseRule reads "ACTION PROTOCOL PORT TO PORT FROM DIRECTION [COMMENT]".
// Rules for one interface, for an application or for forwarded packets are not
// kplb's.
func parseRule(words []string) (rule Rule, ok bool) {
	if len(words) < 7 || len(words) > 8 || !actionForm.MatchString(words[0]) || words[4] != "any" || words[6] != "in" && words[6] != "out" {
		return rule, false
	}
	rule.action, rule.Protocol, rule.Out = words[0], words[1], words[6] == "out"
	switch rule.Protocol {
	case "vrrp", "any":
		if words[2] != "any" {
			return rule, false
		}
	case "tcp":
		port, err := strconv.ParseUint(words[2], 10, 16)
		if err != nil {
			return rule, false
		}
		rule.Port = uint16(port)
	default:
		return rule, false
	}
	var to, from bool
	rule.To, to = parseAddress(words[3])
	rule.From, from = parseAddress(words[5])
	rule.ours = len(words) == 8 && words[7] == mark && rule.action == "allow"
	return rule, to && from
}

func parseAddress(word string) (netip.Addr, bool) {
	if word == "0.0.0.0/0" || word == "::/0" {
		return netip.Addr{}, true
	}
	address, err := netip.ParseAddr(word)
	return address, err == nil
}

// Address is how ufw writes an address of a rule: any, where it is not valid.
func Address(a netip.Addr) string {
	if !a.IsValid() {
		return "any"
	}
	return a.String()
}

// Direction is how ufw writes the direction of a rule: in or out.
func Direction(r render.Rule) string {
	if r.Out {
		return "out"
	}
	return "in"
}

// settingForm is a line that ufw reads as a setting. It skips other lines.
var settingForm = regexp.MustCompile(`^(\w+)="?\w+"?`)

// setting is a value of ConfPath or DefaultsPath as ufw reads it, in lower
// case: the last line counts, and quotes are not a part of the value.
func setting(text []byte, key string) string {
	value := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, " \t\r\n")
		if m := settingForm.FindStringSubmatch(line); m != nil && strings.EqualFold(m[1], key) {
			value = strings.ToLower(strings.Trim(line[len(m[1])+1:], `"'`))
		}
	}
	return value
}
