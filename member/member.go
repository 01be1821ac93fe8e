// Package member says whose nodes are: which cluster they belong to by the records that they
// keep, who its members are, which generations it has, and who has left.
//
// The package guarantees:
//
//   - It works on values. It reads no file, no clock and no machine.
//   - A member is known by the cluster's record. What a configuration file names is a server,
//     and no member; only where no node has a record do stamped files count.
//   - A node of another cluster is an error, unless the operator's Claims say otherwise.
package member

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
)

// Whose nodes are: the cluster's members are those of its record, which the nodes keep.
// What a configuration file names is a server, and no member.

// Claims are what an operator says about nodes beyond the inventory.
type Claims struct {
	TakeOver bool     // nodes of another cluster become this one's
	Rename   bool     // the cluster has another name from now on
	Gone     []string // nodes that have left the inventory, and are gone for good
}

// Membership is what the nodes' records say of the inventory's cluster.
type Membership struct {
	Record  *record.Record // the newest one of the cluster; nil: no node has one
	Highest int            // the number of the highest generation of any node

	Renamed bool // by the claims
	Taken   bool // a node has a generation of the record's number, and another record or none
}

// Leavers are the nodes that have to be cleaned: workers that kplb's keepalived is on, of
// their time as control-plane nodes, and members that are not in the inventory any more,
// but for those that are gone for good.
func (m Membership) Leavers(c *inventory.Cluster, facts map[string]*node.Facts, claims Claims) []inventory.Node {
	var out []inventory.Node
	for _, n := range c.Workers {
		if f := facts[n.Name]; f != nil && HasSpeaker(f) {
			n.Worker = false
			out = append(out, n)
		}
	}
	return slices.DeleteFunc(append(out, m.Strangers(c, facts)...), func(n inventory.Node) bool { return slices.Contains(claims.Gone, n.Name) })
}

// Strangers are the members that are not in the inventory. Where no node has a record,
// they are the servers and peers of kplb's files there, until their own files have said
// whose they are (Keeps).
func (m Membership) Strangers(c *inventory.Cluster, facts map[string]*node.Facts) []inventory.Node {
	if m.Record == nil {
		ours := maps.Clone(facts)
		maps.DeleteFunc(ours, func(_ string, f *node.Facts) bool { return f != nil && m.isAnothers(c, f) })
		return strangers(c, ours)
	}
	var out []inventory.Node
	for _, member := range m.Record.Members {
		if !isIn(c, member) {
			out = append(out, member.Node(c.SSH))
		}
	}
	return out
}

// TakenOver are the nodes that are another cluster's, by their records or stamps.
func (m Membership) TakenOver(c *inventory.Cluster, facts map[string]*node.Facts) []string {
	var out []string
	for _, n := range c.Nodes {
		if f := facts[n.Name]; f != nil && m.isAnothers(c, f) {
			out = append(out, n.Name)
		}
	}
	return out
}

func (m Membership) isAnothers(c *inventory.Cluster, f *node.Facts) bool {
	if r := f.Recorded.Record; r != nil {
		return m.Record == nil || r.Cluster.ID != m.Record.Cluster.ID
	}
	path, _ := StampedFor(f, c.Name, m.Record)
	return path != "" && !m.Renamed
}

// Gone are the machines that are said to be gone, and that may hold a VIP if they are not:
// names of Strangers, or addresses.
func (m Membership) Gone(c *inventory.Cluster, facts map[string]*node.Facts, claims Claims) []inventory.Node {
	out := slices.DeleteFunc(m.Strangers(c, facts), func(n inventory.Node) bool { return n.Worker || !slices.Contains(claims.Gone, n.Name) })
	for _, name := range claims.Gone {
		if at, err := netip.ParseAddr(name); err == nil {
			out = append(out, inventory.Node{Name: name, Address: at})
		}
	}
	return out
}

// isIn says whether a member is in the inventory, by its name or its address.
func isIn(c *inventory.Cluster, m record.Member) bool {
	return slices.ContainsFunc(slices.Concat(c.Nodes, c.Workers), func(n inventory.Node) bool { return n.Name == m.Name || n.Address == m.Address })
}

// Keeps says whether a node that has left the inventory is still the cluster's: it has a
// record of it, or, without one, files of kplb's that were made for it. Otherwise it
// says whose it is, as the end of a sentence about it.
func (m Membership) Keeps(name string, f *node.Facts) (keeps bool, whose string) {
	if r := f.Recorded.Record; r != nil {
		return m.Record != nil && r.Cluster.ID == m.Record.Cluster.ID, Belongs(r)
	}
	if path, cluster := StampedFor(f, name, m.Record); path != "" {
		return false, fmt.Sprintf("has no record, and %s was made for cluster %s", path, cluster)
	}
	return m.Record != nil || len(Stamped(f)) > 0, "has no record, and no file of kplb's"
}

// Belongs says of which cluster a node is, as the end of a sentence about it.
func Belongs(r *record.Record) string {
	return fmt.Sprintf("is part of cluster %s (%s, generation %d, by %s, %s)", r.Cluster.Name, r.Cluster.ID[:8], r.Generation, r.By, r.Time.Format(time.RFC3339))
}
