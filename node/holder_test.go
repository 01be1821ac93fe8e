package node

import (
	"net/netip"
	"testing"

	"github.com/kplb/kplb/inventory"
)

// TestHolders: who holds a VIP is told from the addresses of the nodes, whichever
// way those were seen. A node of which nothing is known, and one that is none of
// the cluster's, holds nothing.
func TestHolders(t *testing.T) {
	t.Parallel()
	vip := netip.MustParseAddr("10.1.233.1")
	nodes := []inventory.Node{{Name: "b"}, {Name: "a"}, {Name: "c"}}
	has := []Address{{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32)}}
	for _, c := range []struct {
		name    string
		seen    map[string]*Facts
		holders []string
		holder  string
	}{
		{"nothing is known", nil, nil, ""},
		{"nobody", map[string]*Facts{"a": {}, "b": {}}, nil, ""},
		{"one", map[string]*Facts{"a": {Addresses: has}, "b": {}}, []string{"a"}, "a"},
		{"two, in the order of the nodes", map[string]*Facts{"a": {Addresses: has}, "b": {Addresses: has}}, []string{"b", "a"}, ""},
		{"a stranger", map[string]*Facts{"x": {Addresses: has}}, nil, ""},
	} {
		same(t, c.name, Holders(vip, nodes, c.seen), c.holders)
		same(t, c.name, Holder(vip, nodes, c.seen), c.holder)
		observed := map[string]*Observation{}
		for name, f := range c.seen {
			observed[name] = &Observation{Addresses: f.Addresses}
		}
		same(t, c.name+", as observed", Holders(vip, nodes, observed), c.holders)
	}
}
