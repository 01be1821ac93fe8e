package rollout

import (
	"net/netip"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// sight is what one node saw, and what became of its probes.
type sight struct {
	node.Observation
	node.Probes
	nonce string    // of its probes
	ended time.Time // when it had looked
}

// asksFor says whether the node itself asks who has the VIP.
func (t *sight) asksFor(vip netip.Addr) bool {
	if vip.Is6() {
		return t.AsksND
	}
	return t.AsksARP
}

// holds says whether the node has an address.
func (t *sight) holds(a netip.Addr) bool {
	return slices.ContainsFunc(t.Addresses, func(have node.Address) bool { return have.Prefix.Addr() == a })
}

// whyDoesNotAsk says why it asks nobody who has a VIP.
func (t *sight) whyDoesNotAsk(vip netip.Addr) string {
	switch {
	case !t.Listens:
		return t.whyDeaf()
	case vip.Is6():
		return "its interface has no IPv6 address, or is not Ethernet"
	}
	return "its interface is not Ethernet"
}

func (t *sight) whyDeaf() string {
	switch {
	case t.ListenError != "":
		return t.ListenError
	case !t.Listens:
		return "it did not listen"
	}
	return "its interface is not Ethernet"
}

// whyMute says why a node sent no probes.
func (t *sight) whyMute(n inventory.Node) string {
	if t.Listens && t.ListenError == "" && t.mac(n) != "" {
		return "it tried"
	}
	return t.whyDeaf()
}

// mac is that of the interface that has the node's address; empty: none.
func (t *sight) mac(n inventory.Node) string {
	for _, a := range t.Addresses {
		if a.Prefix.Addr() == fourOf(n) {
			return t.MACs[a.Interface]
		}
	}
	return ""
}

// fourOf is the node's IPv4 address, by which it looks around; its own if it has
// none.
func fourOf(n inventory.Node) netip.Addr {
	if a := n.AddressFor(netip.IPv4Unspecified()); a.IsValid() {
		return a
	}
	return n.Address
}
