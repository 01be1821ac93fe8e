package vrrp

import (
	"net/netip"
	"slices"

	"github.com/kplb/kplb/inventory"
)

// Contest is one election: the speakers that one vrrp_instance makes of the
// nodes, and the VIPs that it has. VIPs of one contest always move together.
type Contest struct {
	VIPs     []netip.Addr
	Speakers []Speaker // of the first VIP
}

// Contests sorts speakers. VIPs that are in one instance on every node are one
// contest.
func Contests(c *inventory.Cluster, speakers []Speaker) []Contest {
	var out []Contest
	for _, vip := range c.VIPs {
		var of []Speaker
		for _, s := range speakers {
			if s.VIP == vip {
				of = append(of, s)
			}
		}
		i := slices.IndexFunc(out, func(other Contest) bool {
			return slices.EqualFunc(other.Speakers, of, func(a, b Speaker) bool { return a.Node == b.Node && a.instance == b.instance })
		})
		if i < 0 {
			out = append(out, Contest{Speakers: of})
			i = len(out) - 1
		}
		out[i].VIPs = append(out[i].VIPs, vip)
	}
	return out
}

// groupOf is the group of the inventory that a VIP is in.
func groupOf(c *inventory.Cluster, vip netip.Addr) inventory.Group {
	i := slices.IndexFunc(c.Groups(), func(g inventory.Group) bool { return slices.Contains(g.VIPs, vip) })
	if i < 0 {
		return inventory.Group{Failback: c.VRRP.Failback}
	}
	return c.Groups()[i]
}
