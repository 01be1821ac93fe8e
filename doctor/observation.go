package doctor

import (
	"net/netip"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// observation is what one node saw, and what became of its probes.
type observation struct {
	node.Observation
	node.Probes
	nonce string    // of its probes
	ended time.Time // when it had looked
}

// asksFor says whether the node itself asks who has the VIP.
func (t *observation) asksFor(vip netip.Addr) bool {
	if vip.Is6() {
		return t.AsksND
	}
	return t.AsksARP
}

// whyDoesNotAsk says why it asks nobody who has a VIP.
func (t *observation) whyDoesNotAsk(vip netip.Addr) string {
	switch {
	case !t.Listens:
		return t.whyNotListening()
	case vip.Is6():
		return "its interface has no IPv6 address, or is not Ethernet"
	}
	return "its interface is not Ethernet"
}

func (t *observation) whyNotListening() string {
	switch {
	case t.ListenError != "":
		return t.ListenError
	case !t.Listens:
		return "it did not listen"
	}
	return "its interface is not Ethernet"
}

// whyNotSending says why a node sent no probes.
func (t *observation) whyNotSending(n inventory.Node) string {
	if t.Listens && t.ListenError == "" && t.mac(n) != "" {
		return "it tried"
	}
	return t.whyNotListening()
}

// mac is that of the interface that has the node's address; empty: none.
func (t *observation) mac(n inventory.Node) string {
	if at, has := t.InterfaceOf(ipv4Of(n)); has {
		return t.MACs[at.Interface]
	}
	return ""
}

// ipv4Of is the node's IPv4 address, by which it looks around; its own if it has
// none.
func ipv4Of(n inventory.Node) netip.Addr {
	if a := n.AddressFor(netip.IPv4Unspecified()); a.IsValid() {
		return a
	}
	return n.Address
}
