package member

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/refusal"
)

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
			Node: n.Name, What: fmt.Sprintf("another machine has this name now, and the member, at %s, would keep kplb's files", was.Address),
			Hint: fmt.Sprintf("apply once without %s in the inventory, which cleans that machine, and then with it; if that machine is gone for good, give --forget %s", n.Name, was.Address),
		})
	}
	return out
}

func hasAddress(c *inventory.Cluster, at netip.Addr) bool {
	return slices.ContainsFunc(slices.Concat(c.Nodes, c.Workers), func(n inventory.Node) bool { return n.Address == at })
}
