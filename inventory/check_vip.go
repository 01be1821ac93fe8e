package inventory

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/source"
)

// mostVIPs is how many there can be.
const mostVIPs = 8

// vipItem is a VIP with where it stands.
type vipItem struct {
	address netip.Addr
	at      source.Scalar
	doc     *vipDocument
}

// readVIPs reads the VIPs that can be read.
func readVIPs(c *source.Collector, doc *vipsDocument) []vipItem {
	if len(doc.items) > mostVIPs {
		c.Add(doc.Pos, fmt.Sprintf("vip has %d addresses", len(doc.items)), fmt.Sprintf("write at most %d", mostVIPs))
		doc.items = doc.items[:mostVIPs]
	}
	var out []vipItem
	for i := range doc.items {
		d := &doc.items[i]
		if d.At.Given {
			c.Require(d.Address.Place, d.At, "address", "write the VIP, like address: 10.1.233.1")
		}
		vip := source.Read(c, d.Address, addressOnly, netip.Addr{})
		if !vip.IsValid() {
			continue
		}
		if at := slices.IndexFunc(out, func(v vipItem) bool { return v.address == vip }); at >= 0 {
			c.Add(d.Address.Pos, fmt.Sprintf("%s %s is already listed on line %d", d.Address.Path, vip, out[at].at.Pos.Line), "keep one of them")
			continue
		}
		out = append(out, vipItem{vip, d.Address, d})
	}
	return out
}

// checkVIPs checks the VIPs against the nodes.
func checkVIPs(c *source.Collector, vips []vipItem, all []member) {
	for _, v := range vips {
		for _, m := range all {
			if slices.Contains(m.node.Addresses, v.address) {
				c.Add(v.at.Pos, fmt.Sprintf("%s %s is the address of %s (line %d)", v.at.Path, v.address, m.title(), m.addressItem(v.address).Pos.Line),
					"write an address that no host has")
			}
		}
		checkSubnets(c, v, all)
		checkFamily(c, v, all)
	}
}

// checkSubnets wants the VIP to lie in the nodes' subnets of its family.
func checkSubnets(c *source.Collector, v vipItem, all []member) {
	vip := v.address
	var said []netip.Prefix
	for _, m := range all {
		for _, subnet := range m.node.Subnets {
			if subnet.Addr().Is4() != vip.Is4() || slices.Contains(said, subnet) {
				continue
			}
			said = append(said, subnet)
			switch {
			case !subnet.Contains(vip):
				c.Add(v.at.Pos, fmt.Sprintf("%s %s lies outside %s, the subnet of %s (line %d)", v.at.Path, vip, subnet, m.title(), m.addressItem(m.node.AddressFor(vip)).Pos.Line),
					"write an address of that subnet")
			case vip == subnet.Addr():
				c.Add(v.at.Pos, fmt.Sprintf("%s %s is the address of the network %s", v.at.Path, vip, subnet), "write a host address")
			case vip.Is4() && vip == lastOf(subnet):
				c.Add(v.at.Pos, fmt.Sprintf("%s %s is the broadcast address of %s", v.at.Path, vip, subnet), "write a host address")
			}
		}
	}
}

// checkFamily wants every control-plane node to have an address of the VIP's
// family: it is the source of adverts, and says which interface is to hold
// the VIP.
func checkFamily(c *source.Collector, v vipItem, all []member) {
	without := func(m member) bool {
		return !m.node.Worker && len(m.node.Addresses) == len(m.address.Items) && len(m.address.Items) > 0 && !m.node.AddressFor(v.address).IsValid()
	}
	if i := slices.IndexFunc(all, without); i >= 0 {
		m, other := all[i], "fd10:1::1"
		if v.address.Is4() {
			other = "10.1.1.1"
		}
		c.Add(v.at.Pos, fmt.Sprintf("%s %s is an %s address, and %s (line %d) has none", v.at.Path, v.address, family(v.address), m.title(), m.address.Pos.Line),
			fmt.Sprintf("write both at every node: address: [%s, %s]", m.node.Address, other))
	}
}

// assignVIPs completes the cluster with its VIPs.
func assignVIPs(c *source.Collector, doc *document, vips []vipItem, cluster *Cluster) {
	cluster.Preferred = map[netip.Addr]string{}
	for _, v := range vips {
		cluster.VIPs = append(cluster.VIPs, v.address)
		if name := readPreferred(c, v.doc.Preferred, cluster.Nodes); name != "" {
			cluster.Preferred[v.address] = name
		}
		if v.address.Is6() && cluster.VRRP.Version == 2 {
			c.Add(v.at.Pos, fmt.Sprintf("%s %s is IPv6, and vrrp.version is 2, which knows IPv4 alone (RFC 3768)", v.at.Path, v.address),
				"leave vrrp.version out")
		}
	}
	if len(vips) == 0 {
		return
	}
	cluster.VIP = cluster.VIPs[0]
	if cluster.VRRP.Mode != Multicast {
		return
	}
	for _, g := range cluster.Groups() {
		if g.Announced().Is6() {
			c.Add(doc.VRRP.Mode.Pos, fmt.Sprintf("vrrp.mode is multicast, and the VIP %s has no IPv4 VIP beside it: adverts would be IPv6, from link-local addresses", g.Announced()),
				"leave vrrp.mode out")
		}
	}
}

// readPreferred reads the node that is to hold a VIP.
func readPreferred(c *source.Collector, s source.Scalar, nodes []Node) string {
	name := source.Read(c, s, subdomain, "")
	names := make([]string, 0, len(nodes))
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	if name == "" || slices.Contains(names, name) {
		return name
	}
	hint := "write the name of one of nodes"
	if near := source.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.Add(s.Pos, fmt.Sprintf("%s %s is no control-plane node of this inventory", s.Path, source.Quote(name)), hint)
	return ""
}
