package inventory

import (
	"net/netip"
	"slices"
	"strconv"
)

// Group is VIPs that move together, by one VRRP instance. VIPs that prefer no
// node are one group, and those that prefer the same node another.
type Group struct {
	Name            string         // of the VRRP instance, distinct in the cluster
	VIPs            []netip.Addr   // at least one; the first is the one that is announced
	Preferred       string         // the node that has them while it is well; empty: none
	Failback        bool           // the highest priority that is well has the VIPs, and takes them back
	VirtualRouterID int            // distinct in the cluster
	Priorities      map[string]int // of each node, by its name; distinct
}

// Announced is the VIP that is in the adverts, whose family they have. The
// others come and go with it, and are in no advert: see docs/decisions/0010.
func (g Group) Announced() netip.Addr { return g.VIPs[0] }

// Others are the VIPs that are not announced.
func (g Group) Others() []netip.Addr { return g.VIPs[1:] }

// Groups are the VIPs by what moves together, at least one. That of the first
// VIP is the first.
func (c *Cluster) Groups() []Group {
	var out []Group
	for _, vip := range c.VIPs {
		preferred := c.Preferred[vip]
		at := slices.IndexFunc(out, func(g Group) bool { return g.Preferred == preferred })
		if at < 0 {
			at = len(out)
			out = append(out, Group{Preferred: preferred, Name: instanceName(at), VirtualRouterID: nextRouterID(c.VRRP.VirtualRouterID, at)})
		}
		out[at].VIPs = append(out[at].VIPs, vip)
	}
	for i := range out {
		g := &out[i]
		g.Failback = c.VRRP.Failback || g.Preferred != ""
		g.Priorities = prioritiesFor(c.Nodes, g.Preferred)
		// every keepalived announces IPv4 first; before 2.2.4 IPv6 wants a link-local address there
		slices.SortStableFunc(g.VIPs, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	}
	return out
}

func instanceName(i int) string {
	if i == 0 {
		return "KPLB"
	}
	return "KPLB_" + strconv.Itoa(i+1)
}

// nextRouterID counts on from the cluster's own ID: past 51, which is in every
// example, and from 255 to 1.
func nextRouterID(id, steps int) int {
	for range steps {
		if id = id%255 + 1; id == 51 {
			id++
		}
	}
	return id
}

// prioritiesFor has the preferred node and the one of the highest priority
// change places.
func prioritiesFor(nodes []Node, preferred string) map[string]int {
	out := map[string]int{}
	highest := ""
	for _, n := range nodes {
		out[n.Name] = n.Priority
		if highest == "" || n.Priority > out[highest] {
			highest = n.Name
		}
	}
	if mine, ok := out[preferred]; ok {
		out[preferred], out[highest] = out[highest], mine
	}
	return out
}
