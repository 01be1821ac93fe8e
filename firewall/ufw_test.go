package firewall

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/render"
)

// TestParseRules: a line of a node's file is a typed rule, or nothing.
func TestParseRules(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2 in comment=6b706c62":        "ours: allow VRRP from 10.1.1.2",
		"### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2 in comment=6b706c6263":      "allow VRRP from 10.1.1.2",
		"### tuple ### deny vrrp any 0.0.0.0/0 any 10.1.1.2 in comment=6b706c62":         "deny VRRP from 10.1.1.2",
		"### tuple ### allow_log-all tcp 6443 10.1.233.1 any 0.0.0.0/0 in":               "allow TCP port 6443 of 10.1.233.1",
		"### tuple ### allow tcp 80,443 0.0.0.0/0 any 10.1.1.2 in":                       "",
		"### tuple ### allow tcp 65536 0.0.0.0/0 any 10.1.1.2 in":                        "",
		"### tuple ### allow tcp 6443 0.0.0.0/0 99 10.1.1.2 in":                          "",
		"### tuple ### allow tcp 6443 0.0.0.0/0 any 10.1.0.0/16 in":                      "",
		"### tuple ### allow udp 6443 0.0.0.0/0 any 10.1.1.2 in":                         "",
		"### tuple ### allow any 6443 0.0.0.0/0 any 10.1.1.2 in":                         "",
		"### tuple ### route:allow vrrp any 0.0.0.0/0 any 10.1.1.2 in":                   "",
		"### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2 in_eth0 comment=6b706c62":   "",
		"### tuple ### $(reboot) vrrp any 0.0.0.0/0 any 10.1.1.2 in":                     "",
		"### tuple ### allow vrrp any 0.0.0.0/0 any 10.1.1.2;reboot in comment=6b706c62": "",
		"### tuple ### allow vrrp any":                                                   "",
		"-A ufw-user-input -p vrrp -s 10.1.1.2 -j ACCEPT":                                "",
	} {
		rules := ParseRules([]byte("### RULES ###\n\n"+line+"\n"), nil)
		got := make([]string, 0, len(rules))
		for _, r := range rules {
			text := r.String()
			if r.ours {
				text = "ours: " + text
			}
			got = append(got, text)
		}
		same(t, line, strings.Join(got, "; "), want)
	}
}

// TestCovers: a rule that allows the same, or more, makes another one needless;
// one of the other family does not.
func TestCovers(t *testing.T) {
	t.Parallel()
	c := clusterOf(t, home)
	vrrp := render.Firewall(c, c.Nodes[0])[0]
	same(t, "rule", vrrp.String(), "VRRP from 10.1.1.2")
	for words, want := range map[string]bool{
		"allow vrrp any 0.0.0.0/0 any 10.1.1.2 in":    true,
		"allow vrrp any 0.0.0.0/0 any 0.0.0.0/0 in":   true,
		"allow any any 0.0.0.0/0 any 10.1.1.2 in":     true, // what a person runs where ufw does not know VRRP
		"allow_log any any 0.0.0.0/0 any 10.1.1.2 in": true,
		"deny any any 0.0.0.0/0 any 10.1.1.2 in":      false,
		"limit any any 0.0.0.0/0 any 10.1.1.2 in":     false,
		"allow any any 0.0.0.0/0 any 10.1.1.2 out":    false,
		"allow any any 0.0.0.0/0 any 10.1.1.3 in":     false,
		"allow any any 224.0.0.18 any 10.1.1.2 in":    false,
		"allow tcp 6443 0.0.0.0/0 any 10.1.1.2 in":    false,
	} {
		r, ok := parseRule(strings.Fields(words))
		same(t, words, ok && r.covers(vrrp), want)
	}
	six := render.Rule{Protocol: "vrrp", From: netip.MustParseAddr("fd10:1::2")}
	everything := []byte("### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in\n### tuple ### allow any any ::/0 any ::/0 in\n")
	same(t, "IPv4 for IPv6", ParseRules(everything, nil)[0].covers(six), false)
	same(t, "IPv6 for IPv6", ParseRules(nil, everything)[1].covers(six), true)
	same(t, "IPv6 for IPv4", ParseRules(nil, everything)[1].covers(vrrp), false)
}

// TestSetting reads as ufw does (backend.py, _get_defaults).
func TestSetting(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# ENABLED=yes\nENABLED=no\n":  "no",
		"ENABLED=yes":                  "yes",
		"ENABLED=\"yes\"\r\n":          "yes",
		"enabled=YES\n":                "yes",
		"ENABLED=no\nENABLED=yes\n":    "yes",
		"ENABLED=yes\nENABLED=no\n":    "no",
		"ENABLED=yes # at last\n":      "yes # at last",
		" ENABLED=yes\n":               "",
		"ENABLED='yes'\n":              "",
		"ENABLED=\nREALLY_ENABLED=yes": "",
	} {
		same(t, text, setting([]byte(text), "ENABLED"), want)
	}
}

// TestDropsIPv6: only ufw that is enabled drops anything.
func TestDropsIPv6(t *testing.T) {
	t.Parallel()
	on, no := []byte("ENABLED=yes\n"), []byte("IPV6=no\n")
	same(t, "enabled", State{Conf: on, Defaults: no}.DropsIPv6(), true)
	same(t, "with IPv6", State{Conf: on, Defaults: []byte("IPV6=yes\n")}.DropsIPv6(), false)
	same(t, "not enabled", State{Defaults: no}.DropsIPv6(), false)
	same(t, "removed", State{Conf: on, Defaults: no, Removed: true}.DropsIPv6(), false)
}
