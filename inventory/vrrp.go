package inventory

import "time"

// VRRP holds what all VRRP instances of the cluster share.
type VRRP struct {
	Version         int // 2 or 3
	VirtualRouterID int // 1 to 255, derived from the cluster's name when left out
	AdvertInterval  time.Duration
	Auth            *Secret // VRRP version 2 only; nil: none. Not a protection: it is sent in clear text
	Extra           VRRPExtra
	Mode            Mode // who gets the adverts
	Failback        bool // the node of the highest priority that is well has the VIP, and takes it back when it returns
	Watch           Watch
}

// VRRPExtra are lines that stand at the end of blocks of keepalived.conf, as a
// person wrote them. None of them opens or closes a block.
type VRRPExtra struct{ Global, Instance []string }

// Mode is how adverts are sent. Speakers of two modes do not hear each other.
type Mode string

// Adverts go to each of the other nodes, or to everybody on the network.
const (
	Unicast   Mode = "unicast"
	Multicast Mode = "multicast"
)

// Lingering is how long the VIP stays on a node whose keepalived was killed:
// until the next node has it, so that somebody answers all the time.
func (v VRRP) Lingering() time.Duration { return 4 * v.AdvertInterval }
