package rollouttest

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// look answers as doctor.sh does where it is asked for a machine, and not for the VIP alone.
// Else it does not listen, unless there is somebody to hear.
func look(n *Node, _ *Host, s remote.Script, say say) {
	defer say("done")
	q, asks := nodetest.Request(s).(node.ObserveRequest)
	if !asks || n.Hears == nil && !slices.ContainsFunc(q.VIPs, func(at netip.Addr) bool { return at != n.cluster.inventory.VIP }) {
		return
	}
	say("addresses", fmt.Sprintf("2: eth0    inet %s/16 scope global eth0", n.address))
	say("links", "2: eth0: <UP> \\    link/ether "+macOf(n)+" brd x")
	if n.Deaf != "" {
		say("deaf", n.Deaf)
		return
	}
	say("listening", "arp")
	say.all(n.Hears)
	for _, other := range n.cluster.nodes {
		if other == n || other.Unreachable {
			continue
		}
		for _, at := range q.VIPs {
			if at == other.address || at == n.cluster.inventory.VIP && other.holds() {
				say("has", macOf(other), at.String())
			}
		}
		if other.holds() {
			say("vrrp", other.address.String(), "3", "218", "150")
		}
	}
}

// macOf is that of the node's interface.
func macOf(n *Node) string {
	a := n.address.As4()
	return fmt.Sprintf("52:54:00:00:00:%02x", a[3])
}
