package render

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/keepalived"
)

// Identity is what all speakers of a VRRP instance must agree on: one that
// differs does not hear the others, and takes the VIP (domain.md 5.6).
type Identity struct {
	says      string // that all nodes share
	vrid      string
	announced []netip.Addr
	others    []netip.Addr // that are in no advert, and may differ
}

// Identities are those of the instances of a keepalived.conf, in its order.
func Identities(config []byte) []Identity {
	var out []Identity
	for _, in := range keepalived.Parse(config).All("vrrp_instance") {
		id := Identity{vrid: in.Find("virtual_router_id").Word(1), announced: vipsIn(in, "virtual_ipaddress"), others: vipsIn(in, "virtual_ipaddress_excluded")}
		says := []string{id.vrid, in.Find("version").Word(1)}
		if in.Find("unicast_src_ip").Is("unicast_src_ip") { // that it is unicast, whatever the address
			says = append(says, "unicast")
		}
		auth := in.Find("authentication")
		says = append(says, auth.Find("auth_type").Word(1), auth.Find("auth_pass").Word(1))
		for _, a := range id.announced {
			says = append(says, a.String())
		}
		id.says = strings.Join(says, " ")
		out = append(out, id)
	}
	return out
}

// vipsIn are the addresses of a block, in order of their values.
func vipsIn(instance keepalived.Statement, block string) []netip.Addr {
	out := instance.Addresses(block)
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// VIPs are all addresses that come and go with the instance.
func (id Identity) VIPs() []netip.Addr { return slices.Concat(id.announced, id.others) }

// Clash says whether a node with the one file and a node with the other can hold
// the same VIP at the same time: an instance that both have says something else
// in its adverts, or a VIP has gone from one instance to another. Instances and
// VIPs that one of them lacks do no harm.
func Clash(a, b []Identity) bool {
	for _, one := range a {
		for _, other := range b {
			if one.vrid == other.vrid && one.says != other.says {
				return true
			}
			shared := slices.ContainsFunc(one.VIPs(), func(vip netip.Addr) bool { return slices.Contains(other.VIPs(), vip) })
			if shared && one.vrid != other.vrid {
				return true
			}
		}
	}
	return !slices.ContainsFunc(a, func(one Identity) bool {
		return slices.ContainsFunc(b, func(other Identity) bool { return one.vrid == other.vrid })
	})
}
