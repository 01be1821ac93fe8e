package keepalived

import "net/netip"

// Peers are the addresses to which the instances of a keepalived.conf send their adverts;
// none: they use multicast, or there is no instance.
func Peers(config []byte) []netip.Addr {
	var out []netip.Addr
	for _, in := range Parse(config).All("vrrp_instance") {
		out = append(out, in.Addresses("unicast_peer")...)
	}
	return out
}
