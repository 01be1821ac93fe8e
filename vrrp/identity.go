package vrrp

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/keepalived"
)

// Identity is what all speakers of a vrrp_instance must agree on. One that
// differs discards the adverts of the others, and takes the VIP.
type Identity struct {
	vrid      string
	adverts   string       // what adverts say, and how they are sent, without what differs from node to node
	announced []netip.Addr // the VIPs that adverts name
	excluded  []netip.Addr // the VIPs that adverts do not name, and that may differ
}

// Identities are those of the instances of a keepalived.conf, in its order.
func Identities(config []byte) []Identity {
	instances := keepalived.Parse(config).All("vrrp_instance")
	out := make([]Identity, len(instances))
	for i, in := range instances {
		id := Identity{vrid: in.Find("virtual_router_id").Word(1), announced: vips(in, "virtual_ipaddress"), excluded: vips(in, "virtual_ipaddress_excluded")}
		adverts := []string{in.Find("version").Word(1)}
		if in.Find("unicast_src_ip").Line > 0 { // whatever its address: that it is unicast
			adverts = append(adverts, "unicast")
		}
		auth := in.Find("authentication")
		adverts = append(adverts, auth.Find("auth_type").Word(1), auth.Find("auth_pass").Word(1))
		for _, a := range id.announced {
			adverts = append(adverts, a.String())
		}
		id.adverts = strings.Join(adverts, " ")
		out[i] = id
	}
	return out
}

// vips are the addresses of a block, in order of their values.
func vips(instance keepalived.Statement, block string) []netip.Addr {
	out := instance.Addresses(block)
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// VIPs are all addresses that come and go with the instance.
func (id Identity) VIPs() []netip.Addr { return slices.Concat(id.announced, id.excluded) }

// Clash says whether a node with one file and a node with another can hold the
// same VIP at the same time: adverts of an instance that both have differ, a VIP
// has gone from one instance to another, or they have no instance in common.
// Instances and VIPs that only one of them has do no harm.
func Clash(a, b []Identity) bool {
	for _, one := range a {
		for _, other := range b {
			if one.vrid == other.vrid && one.adverts != other.adverts {
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
