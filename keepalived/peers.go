package keepalived

import (
	"net/netip"
	"slices"
)

// Peers are the addresses to which the instances of a keepalived.conf send their adverts;
// none: they use multicast, or there is no instance.
func Peers(config []byte) []netip.Addr {
	instances := Parse(config).All("vrrp_instance")
	peers := make([][]netip.Addr, len(instances))
	for i, in := range instances {
		peers[i] = in.Addresses("unicast_peer")
	}
	return slices.Concat(peers...)
}
