package refusal

import (
	"net/netip"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

func refuseNetwork(c *inventory.Cluster, n inventory.Node, f *node.Facts, at string, refuse refuseFunc) {
	address, ok := f.InterfaceOf(n.Address)
	switch {
	case !ok:
		refuse(at+".address", "write the address that `ip addr` shows on the node", "no interface has the node's address %s", n.Address)
	case n.Interface != "" && n.Interface != address.Interface:
		refuse(at+".interface", "write the interface that has the address, or leave it out", "interface %s does not have the node's address %s, %s has it", n.Interface, n.Address, address.Interface)
	default:
		refuseVIPs(c, n, f, at, address.Interface, refuse)
	}
}

// refuseVIPs refuses a VIP outside the subnet of the interface with the node's
// address.
func refuseVIPs(c *inventory.Cluster, n inventory.Node, f *node.Facts, at, iface string, refuse refuseFunc) {
	said := map[netip.Addr]bool{}
	for _, vip := range c.VIPs {
		own := n.AddressFor(vip)
		address, ok := f.InterfaceOf(own)
		switch {
		case said[own]:
		case !ok:
			refuse(at+".address", "write the address that `ip addr` shows on the node", "no interface has the node's address %s", own)
			said[own] = true
		case address.Interface != iface:
			refuse(at+".address", "give one interface both addresses", "%s is on %s, and %s on %s: keepalived has the VIPs on one interface", n.Address, iface, own, address.Interface)
			said[own] = true
		case !address.Prefix.Contains(vip):
			refuse("vip", "choose a free address of that subnet", "the VIP %s is outside %s, the subnet of %s", vip, address.Prefix.Masked(), address.Interface)
		}
	}
}

// refuseIPv6 refuses a keepalived that is too old to announce an IPv6 VIP, and a ufw
// that drops all IPv6.
func refuseIPv6(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	if len(c.VIPs6()) == 0 {
		return
	}
	for _, g := range c.Groups() {
		if g.Announced().Is6() && f.Keepalived.Installed && f.Keepalived.Version.Before(render.MinKeepalived6) {
			refuse("vip", "write an IPv4 VIP beside it, or upgrade keepalived", "keepalived %s announces no IPv6 VIP such as %s, at least %s is needed", f.Keepalived.Version, g.Announced(), render.MinKeepalived6)
		}
	}
	if c.Firewall == inventory.Manage && node.FirewallOf(f).DropsIPv6() {
		refuse("vip", "write IPV6=yes into "+firewall.DefaultsPath+" on the node, and run `ufw reload`", "ufw drops all IPv6 (IPV6=no in %s), and with it what is for %s", firewall.DefaultsPath, inventory.Join(c.VIPs6(), " and "))
	}
}
