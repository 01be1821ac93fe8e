package inventory

import (
	"net/netip"
	"slices"
)

// VIPs4 are the IPv4 ones.
func (c *Cluster) VIPs4() []netip.Addr { return ofFamily(c.VIPs, netip.IPv4Unspecified()) }

// VIPs6 are the IPv6 ones.
func (c *Cluster) VIPs6() []netip.Addr { return ofFamily(c.VIPs, netip.IPv6Unspecified()) }

// ofFamily are the addresses of the family of another one.
func ofFamily(all []netip.Addr, like netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return a.Is4() != like.Is4() })
}

// AddressFor is the node's address of the family of another one; not valid:
// it has none.
func (n Node) AddressFor(other netip.Addr) netip.Addr {
	for _, a := range append([]netip.Addr{n.Address}, n.Addresses...) {
		if a.IsValid() && a.Is4() == other.Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// family is that of an address, as people say it.
func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
