// Package vrrp says who holds a VIP: after any failure, how soon, and whether
// there is always exactly one holder.
//
// It reads the speakers of a cluster from the files that their daemons would
// read, whichever template rendered them, and lets them elect in a model of
// VRRP as keepalived implements it. Sound proves that nodes which hear each
// other agree on one holder, and on one that works if any does, whatever fails
// and in whichever order; if they do not, its error names the line of
// keepalived.conf that is to blame. Nothing here asks a node: a network that
// splits in two, or a keepalived that hangs, is outside of the model.
package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Speaker is a node as it takes part in the election of the holder of one VIP.
type Speaker struct {
	Node      string
	VIP       netip.Addr
	State     string // BACKUP or MASTER
	Priority  int    // without what checks add
	NoPreempt bool   // does not take the VIP from a lower priority

	instance      string // its vrrp_instance
	version, vrid int
	auth          string
	advert        time.Duration
	source        netip.Addr
	peers         []netip.Addr // none: multicast
	checks        []check
	lines         map[string]int // of keywords in keepalived.conf; of the instance itself at ""
}

// rejects says why a speaker discards the adverts of another one; empty: it
// accepts them. Whoever accepts no adverts takes the VIP, and then two nodes
// hold it.
func (s Speaker) rejects(other Speaker) string {
	switch {
	case s.vrid != other.vrid:
		return fmt.Sprintf("virtual_router_id %d here, %d there", s.vrid, other.vrid)
	case s.version != other.version:
		return fmt.Sprintf("VRRP version %d here, %d there", s.version, other.version)
	case s.auth != other.auth:
		return "another authentication here than there"
	case s.peers == nil && other.peers != nil:
		return "multicast here, unicast there"
	case s.peers != nil && other.peers == nil:
		return "unicast here, multicast there"
	case s.peers != nil && !slices.Contains(other.peers, s.source):
		return fmt.Sprintf("the unicast_peer of %s does not have %s", other.Node, s.source)
	}
	return ""
}
