package node

import (
	"net/netip"
	"slices"

	"github.com/kplb/kplb/inventory"
)

// Holders are the names of the nodes that have an address, in the order of nodes.
// seen is what is known of the nodes, Facts or an Observation of each. With a VIP
// they are its holders: one, if all is well.
func Holders[T interface{ Holds(a netip.Addr) bool }](a netip.Addr, nodes []inventory.Node, seen map[string]T) []string {
	var out []string
	for _, n := range nodes {
		if one, known := seen[n.Name]; known && one.Holds(a) {
			out = append(out, n.Name)
		}
	}
	return out
}

// Holder is the only one of the Holders; empty: there is none, or several.
func Holder[T interface{ Holds(a netip.Addr) bool }](a netip.Addr, nodes []inventory.Node, seen map[string]T) string {
	if all := Holders(a, nodes, seen); len(all) == 1 {
		return all[0]
	}
	return ""
}

// Holds says whether the node has the address.
func (f *Facts) Holds(a netip.Addr) bool {
	_, has := f.InterfaceOf(a)
	return has
}

// HoldsAny says whether the node has one of the addresses.
func (f *Facts) HoldsAny(all []netip.Addr) bool { return slices.ContainsFunc(all, f.Holds) }

// InterfaceOf finds the interface that has the address.
func (f *Facts) InterfaceOf(a netip.Addr) (Address, bool) { return interfaceOf(a, f.Addresses) }

// Holds says whether the node has the address.
func (o *Observation) Holds(a netip.Addr) bool {
	_, has := o.InterfaceOf(a)
	return has
}

// InterfaceOf finds the interface that has the address.
func (o *Observation) InterfaceOf(a netip.Addr) (Address, bool) { return interfaceOf(a, o.Addresses) }

func interfaceOf(a netip.Addr, all []Address) (Address, bool) {
	i := slices.IndexFunc(all, func(have Address) bool { return have.Prefix.Addr() == a })
	if i < 0 {
		return Address{}, false
	}
	return all[i], true
}
