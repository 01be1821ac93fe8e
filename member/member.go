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
	"strconv"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
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

// Identify finds the cluster of the inventory in what its nodes have recorded. Its error
// is a refusal.Error where a node belongs to another cluster, has a record that cannot be
// read, or has files of kplb's that are made for another cluster: unless the claims say so.
func Identify(c *inventory.Cluster, nodes []inventory.Node, facts map[string]*node.Facts, claims Claims) (Membership, error) {
	if err := refusal.Records(nodes, facts); err != nil {
		return Membership{}, err
	}
	i := identification{c, nodes, facts, claims}
	m := Membership{Record: i.own(), Highest: highest(nodes, facts), Renamed: claims.Rename}
	m.Taken = m.Record != nil && slices.ContainsFunc(nodes, func(n inventory.Node) bool {
		r := i.recorded(n)
		return facts[n.Name] != nil && facts[n.Name].Generation() == strconv.Itoa(m.Record.Generation) && (r == nil || r.Generation != m.Record.Generation || r.Cluster.ID != m.Record.Cluster.ID)
	})
	if refused := slices.Concat(i.others(m.Record), i.stamped(m.Record), i.unlike(m.Record), i.replaced(m.Record)); len(refused) > 0 {
		return m, &refusal.Error{Refusals: refused}
	}
	return m, nil
}

func highest(nodes []inventory.Node, facts map[string]*node.Facts) int {
	most := 0
	for _, n := range nodes {
		if f := facts[n.Name]; f != nil {
			number, _ := strconv.Atoi(f.Generation()) // 0: kplb was never there
			most = max(most, number)
		}
	}
	return most
}

type identification struct {
	cluster *inventory.Cluster
	nodes   []inventory.Node
	facts   map[string]*node.Facts
	claims  Claims
}

// recorded is what a node has recorded; nil: nothing.
func (i *identification) recorded(n inventory.Node) *record.Record {
	if f := i.facts[n.Name]; f != nil {
		return f.Recorded.Record
	}
	return nil
}

// own is the newest record of the inventory's cluster. With Rename its name does not count.
func (i *identification) own() *record.Record {
	var found *record.Record
	for _, n := range i.nodes {
		r := i.recorded(n)
		if r == nil || !r.IsOf(i.cluster) || r.Cluster.Name != i.cluster.Name && !i.claims.Rename {
			continue
		}
		if found == nil || newer(r, found, i.cluster.Name) {
			found = r
		}
	}
	return found
}

// newer says whether a record counts more than another: one of this name does, and of
// the same cluster the later one.
func newer(a, b *record.Record, name string) bool {
	if named := a.Cluster.Name == name; named != (b.Cluster.Name == name) && a.Cluster.ID != b.Cluster.ID {
		return named
	}
	return a.Generation > b.Generation
}

// others refuses nodes that are of another cluster, by their record.
func (i *identification) others(own *record.Record) []refusal.Refusal {
	var out []refusal.Refusal
	for _, n := range i.nodes {
		r := i.recorded(n)
		switch {
		case r == nil, own != nil && r.Cluster.ID == own.Cluster.ID:
		case r.IsOf(i.cluster) && own == nil && r.Cluster.Name != i.cluster.Name:
			out = append(out, refusal.Refusal{
				Node: n.Name, What: Belongs(r) + fmt.Sprintf("; the inventory's cluster is %s", i.cluster.Name),
				Hint: "if it is the same cluster under a new name, give --rename; if not, correct the inventory's nodes",
			})
		case !i.claims.TakeOver:
			out = append(out, refusal.Refusal{
				Node: n.Name, What: Belongs(r),
				Hint: "take the node out of that cluster first (kplb apply with its own inventory); or, if that cluster is gone or shall lose the node, give --take-over",
			})
		}
	}
	return out
}

// Belongs says of which cluster a node is, as the end of a sentence about it.
func Belongs(r *record.Record) string {
	return fmt.Sprintf("is part of cluster %s (%s, generation %d, by %s, %s)", r.Cluster.Name, r.Cluster.ID[:8], r.Generation, r.By, r.Time.Format(time.RFC3339))
}

// stamped refuses nodes without a record whose files of kplb's were made for a cluster of
// another name.
func (i *identification) stamped(own *record.Record) []refusal.Refusal {
	if i.claims.TakeOver || i.claims.Rename {
		return nil
	}
	var out []refusal.Refusal
	for _, n := range i.nodes {
		f := i.facts[n.Name]
		if f == nil || f.Recorded.Record != nil {
			continue
		}
		path, cluster := StampedFor(f, i.cluster.Name, own)
		if path == "" {
			continue
		}
		out = append(out, refusal.Refusal{
			Node: n.Name, What: fmt.Sprintf("has no record of its cluster, and %s was made for cluster %s", path, cluster),
			Hint: "if it is the same cluster under a new name, give --rename; if the other cluster is gone or shall lose the node, give --take-over",
		})
	}
	return out
}

// StampedFor is the first file of kplb's that was made for a cluster that is neither of
// this name nor the recorded one; empty: there is none.
func StampedFor(f *node.Facts, name string, own *record.Record) (path, cluster string) {
	for _, path := range slices.Sorted(maps.Keys(f.Files)) {
		if !slices.Contains(render.Paths(), path) {
			continue
		}
		made, _, ok := render.StampedFor(f.Files[path].Content)
		if ok && made != name && (own == nil || made != own.Cluster.Name) {
			return path, node.Clean(made)
		}
	}
	return "", ""
}

// unlike refuses nodes that have recorded the same generation of the cluster otherwise.
func (i *identification) unlike(own *record.Record) []refusal.Refusal {
	if own == nil {
		return nil
	}
	var out []refusal.Refusal
	for _, n := range i.nodes {
		r := i.recorded(n)
		if r != nil && r.Cluster.ID == own.Cluster.ID && r.Generation == own.Generation && !record.Same(r, own) {
			out = append(out, refusal.Refusal{
				Node: n.Name, What: fmt.Sprintf("its record of generation %d is not that of the others", r.Generation),
				Hint: fmt.Sprintf("somebody has edited one: compare /var/lib/kplb/generations/%d/record, and remove the wrong one", r.Generation),
			})
		}
	}
	return out
}

// replaced refuses another machine under the name of a member, whose own machine nobody
// would clean then.
func (i *identification) replaced(own *record.Record) []refusal.Refusal {
	if own == nil {
		return nil
	}
	var out []refusal.Refusal
	for _, n := range i.nodes {
		f, r := i.facts[n.Name], i.recorded(n)
		was, member := own.Member(n.Name)
		same := f == nil || !member || was.Address == n.Address || r != nil && r.Cluster.ID == own.Cluster.ID || f.Holds(was.Address)
		if same || slices.Contains(i.claims.Gone, was.Address.String()) || hasAddress(i.cluster, was.Address) {
			continue
		}
		out = append(out, refusal.Refusal{
			Node: n.Name, What: fmt.Sprintf("it is another machine than the member of that name, which is at %s, and would keep kplb", was.Address),
			Hint: fmt.Sprintf("apply once without %s in the inventory, which cleans that machine, and then with it; if that machine is gone for good, give --forget %s", n.Name, was.Address),
		})
	}
	return out
}

func hasAddress(c *inventory.Cluster, at netip.Addr) bool {
	return slices.ContainsFunc(slices.Concat(c.Nodes, c.Workers), func(n inventory.Node) bool { return n.Address == at })
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
