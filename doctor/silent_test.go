package doctor

import (
	"net/netip"
	"testing"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
)

// TestWhyNotGone: a machine is gone if a node that could hear it does not, and nobody hears
// anything of it.
func TestWhyNotGone(t *testing.T) {
	t.Parallel()
	c := plantest.Parse(t, plantest.Home)
	gone := inventory.Node{Name: "node-4", Address: netip.MustParseAddr("10.1.1.4"), Addresses: []netip.Addr{netip.MustParseAddr("10.1.1.4"), netip.MustParseAddr("fd10:1::4")}}
	const mac, stranger = "52:54:00:00:00:01", "52:54:00:00:00:09"
	at := netip.MustParseAddr
	listens := func(change func(*observation)) *observation {
		o := &observation{Observation: node.Observation{
			Listens: true, AsksARP: true, AsksND: true, MACs: map[string]string{"eth0": mac}, Answers: map[netip.Addr][]string{},
			Addresses: []node.Address{fleettest.Address("eth0", "10.1.1.1/16"), fleettest.Address("eth0", "fd10:1::1/64")},
		}}
		change(o)
		return o
	}
	nothing := func(*observation) {}
	for _, test := range []struct {
		name string
		seen map[string]*observation
		says string
	}{
		{"nobody hears it", map[string]*observation{"node-1": listens(nothing), "node-2": listens(nothing)}, ""},
		{"the holder answers for the VIP", map[string]*observation{"node-1": listens(nothing), "node-2": listens(func(o *observation) { o.Answers[c.VIP] = []string{mac} })}, ""},
		{"somebody else does", map[string]*observation{"node-1": listens(func(o *observation) { o.Answers[c.VIP] = []string{stranger} })},
			"it may not be gone: 52:54:00:00:00:09 answers for 10.1.233.1, as node-1 sees it, and is no node that was asked"},
		{"it answers for its IPv6 address", map[string]*observation{"node-1": listens(nothing), "node-2": listens(func(o *observation) { o.Answers[at("fd10:1::4")] = []string{stranger} })},
			"it is not gone: 52:54:00:00:00:09 answers for fd10:1::4, as node-2 sees it"},
		{"the kernel has asked for it", map[string]*observation{"node-1": listens(func(o *observation) {
			o.Neighbours = []node.Neighbour{{Address: at("10.1.1.4"), MAC: stranger, Fresh: true}}
		})}, "it is not gone: 52:54:00:00:00:09 answers for 10.1.1.4, as node-1 sees it"},
		{"the kernel remembers it", map[string]*observation{"node-1": listens(func(o *observation) {
			o.Neighbours = []node.Neighbour{{Address: at("10.1.1.4"), MAC: stranger}}
		})}, ""},
		{"it sends adverts", map[string]*observation{"node-1": listens(func(o *observation) { o.Speakers = []node.Speaker{{Address: at("10.1.1.4"), VRID: 7}} })},
			"it is not gone: node-1 hears the VRRP adverts of 10.1.1.4 with virtual router ID 7 (version 0, priority 0)"},
		{"others send adverts", map[string]*observation{"node-1": listens(func(o *observation) { o.Speakers = []node.Speaker{{Address: at("10.1.1.2"), VRID: 7}} })}, ""},
		{"nobody asks by IPv6", map[string]*observation{"node-1": listens(func(o *observation) { o.AsksND = false })},
			"it is not proven to be gone (node-1: its interface has no IPv6 address, or is not Ethernet)"},
		{"nobody listens", map[string]*observation{"node-1": listens(func(o *observation) { o.Listens, o.AsksARP, o.ListenError = false, false, "no perl on the node" })},
			"it is not proven to be gone (node-1: no perl on the node)"},
		{"one is deaf", map[string]*observation{"node-1": listens(func(o *observation) { o.Listens, o.AsksARP = false, false }), "node-2": listens(nothing)}, ""},
		{"it is in another subnet", map[string]*observation{"node-1": listens(func(o *observation) { o.Addresses = o.Addresses[1:] })},
			"it is not proven to be gone (node-1: 10.1.1.4 is in none of its subnets)"},
		{"nobody looked", nil, "it is not proven to be gone ()"},
	} {
		what, hint := whyNotGone(c, gone, test.seen)
		same(t, test.name, what, test.says)
		same(t, test.name+": has a hint", hint != "", what != "")
	}
}
