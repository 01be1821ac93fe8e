package rollout

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

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

// ufwEnabled says whether ufw is to be told. Where its package was removed,
// but not purged, its files still say that it is enabled.
func ufwEnabled(f *Facts) bool {
	return setting(f.Files[ufwConfPath].Content, "ENABLED") == "yes" && f.Units["ufw.service"].Load != "not-found"
}

// ufwRule is one of ufw's rules that has the form of kplb's: whoever made it,
// and whatever it does.
type ufwRule struct {
	render.Rule
	action string // allow, deny, reject or limit, with _log or _log-all
	ours   bool
	six    bool // is of IPv6
}

var ufwAction = regexp.MustCompile(`^(allow|deny|reject|limit)(_log(-all)?)?$`)

// lets says whether the rule lets through all that it is about.
func (r ufwRule) lets() bool { return strings.HasPrefix(r.action, "allow") }

// covers says whether a rule that lets through is enough for another: it asks
// for the same or for less.
func (r ufwRule) covers(other render.Rule) bool {
	return r.lets() && r.six == isSix(other) && r.Out == other.Out && (!r.From.IsValid() || r.From == other.From) && (!r.To.IsValid() || r.To == other.To) &&
		(r.Protocol == "any" || r.Protocol == other.Protocol && r.Port == other.Port)
}

func (r ufwRule) String() string {
	action, _, _ := strings.Cut(r.action, "_")
	return action + " " + r.Rule.String()
}

// deletion is what a person runs to be rid of the rule.
func (r ufwRule) deletion() string {
	action, log, logs := strings.Cut(r.action, "_")
	direction := ufwDirection(r.Rule)
	if logs {
		direction += " " + log
	}
	out := fmt.Sprintf("ufw delete %s %s proto %s from %s to %s", action, direction, r.Protocol, ufwAddress(r.From), ufwAddress(r.To))
	if r.Protocol == "tcp" {
		out += fmt.Sprintf(" port %d", r.Port)
	}
	return out
}

// isSix says whether a rule is of IPv6. Each of kplb's has an address.
func isSix(r render.Rule) bool { return r.From.Is6() || r.To.Is6() }

// ufwAllRules reads those of both families, of which ufw has a file each.
func ufwAllRules(files map[string]File) []ufwRule {
	out := ufwRules(files[ufwRulesPath].Content)
	for _, r := range ufwRules(files[ufwRules6Path].Content) {
		r.six = true
		out = append(out, r)
	}
	return out
}

// ufwRules reads the rules that kplb could have made, or that ufw would put
// kplb's in the place of: ufw has one rule, whatever its action, for the same
// traffic.
func ufwRules(text []byte) []ufwRule {
	var out []ufwRule
	for line := range strings.Lines(string(text)) {
		words, ok := strings.CutPrefix(strings.TrimSpace(line), "### tuple ### ")
		if !ok {
			continue
		}
		if rule, ok := parseUFWRule(strings.Fields(words)); ok {
			out = append(out, rule)
		}
	}
	return out
}

// parseUFWRule reads "ACTION PROTOCOL PORT TO PORT FROM DIRECTION [COMMENT]".
// Rules for one interface, an application or what is forwarded are none of
// kplb's.
func parseUFWRule(words []string) (rule ufwRule, ok bool) {
	if len(words) < 7 || len(words) > 8 || !ufwAction.MatchString(words[0]) || words[4] != "any" || words[6] != "in" && words[6] != "out" {
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
	rule.To, to = parseUFWAddress(words[3])
	rule.From, from = parseUFWAddress(words[5])
	rule.ours = len(words) == 8 && words[7] == ufwMark && rule.action == "allow"
	return rule, to && from
}

func parseUFWAddress(word string) (netip.Addr, bool) {
	if word == "0.0.0.0/0" || word == "::/0" {
		return netip.Addr{}, true
	}
	address, err := netip.ParseAddr(word)
	return address, err == nil
}

func ufwAddress(a netip.Addr) string {
	if !a.IsValid() {
		return "any"
	}
	return a.String()
}

func ufwDirection(r render.Rule) string {
	if r.Out {
		return "out"
	}
	return "in"
}

// settingForm is what ufw takes for a setting; it passes over other lines.
var settingForm = regexp.MustCompile(`^(\w+)="?\w+"?`)

// setting is a value of ufw's files as ufw reads it, in lower case: of several
// lines the last, and quotes are not a part of it.
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
