package firewall

import (
	"fmt"
	"strings"

	"github.com/kplb/kplb/render"
)

// Firewalld is State.Other where firewalld runs.
const Firewalld = "firewalld"

// FiltersIPv4 says whether a State's Other can drop packets of IPv4: a chain of
// the families ip6, arp and bridge cannot, or has no such rules.
func FiltersIPv4(other string) bool {
	return other == Firewalld || strings.HasPrefix(other, "inet ") || strings.HasPrefix(other, "ip ")
}

// commands is what a person runs to have another firewall than ufw accept the
// rules that are for incoming packets, one command a line.
func commands(other string, rules []render.Rule) string {
	var out []string
	for _, r := range rules {
		if !r.Out {
			out = append(out, command(other, r)...)
		}
	}
	if other == Firewalld {
		out = append(out, "  firewall-cmd --reload")
	}
	return strings.Join(out, "\n")
}

// command accepts one rule. It is nothing where the chain does not see packets
// of the rule's family.
func command(other string, r render.Rule) []string {
	family, ip, vrrp := "ipv4", "ip", "ip protocol vrrp"
	if isIPv6(r) {
		family, ip, vrrp = "ipv6", "ip6", "meta l4proto 112"
	}
	rich := func(format string, args ...any) []string {
		return []string{fmt.Sprintf(`  firewall-cmd --permanent --add-rich-rule='rule family="`+family+`" `+format+" accept'", args...)}
	}
	nft := func(format string, args ...any) []string {
		return []string{fmt.Sprintf("  nft insert rule "+other+" "+format+" accept", args...)}
	}
	switch from := r.From.String(); {
	case other != Firewalld && isIPv6(r) && strings.HasPrefix(other, "ip "):
		return nil
	case other == Firewalld && r.Protocol == "vrrp" && r.To.IsValid(): // of multicast
		return rich(`source address="%s" destination address="%s" protocol value="vrrp"`, from, r.To)
	case other == Firewalld && r.Protocol == "vrrp":
		return rich(`source address="%s" protocol value="vrrp"`, from)
	case other == Firewalld && r.From.IsValid():
		return rich(`source address="%s" port port="%d" protocol="tcp"`, from, r.Port)
	case other == Firewalld:
		// not --add-port: that accepts it on every address of the node, also on the apiserver's own
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
