package render

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/inventory"
)

// Contest is an election that is held by itself: the speakers that one VRRP
// instance makes of the nodes, and the VIPs that it is about.
type Contest struct {
	VIPs     []netip.Addr
	Speakers []Speaker
}

// ReadSpeakers reads what a node's files make of it, for every VIP. Its error
// joins an *Unsound for each VIP that it is no speaker for.
func ReadSpeakers(c *inventory.Cluster, n inventory.Node, keepalived, haproxyUnit []byte) ([]Speaker, error) {
	var out []Speaker
	var errs []error
	for _, vip := range c.VIPs {
		s, err := ReadSpeaker(c, n, vip, keepalived, haproxyUnit)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, s)
	}
	return out, errors.Join(errs...)
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

// prefers is what keeps the node that a VIP prefers from having it.
func prefers(c *inventory.Cluster, speakers []Speaker) error {
	g := groupOf(c, speakers[0].VIP)
	for _, s := range speakers {
		for _, other := range speakers {
			if s.Node == g.Preferred && other.Node != s.Node && other.Priority >= s.Priority {
				return s.at(s.lines["priority"], "give it the highest one, as `kplb templates keepalived.conf.tmpl` does with .Priorities",
					"priority %d, and %s has %d, but the inventory has %s preferred for %s", s.Priority, other.Node, other.Priority, s.Node, s.VIP)
			}
		}
	}
	return nil
}
