package member

import (
	"maps"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
)

// History is the generations of a cluster: what its nodes keep, by node.
type History map[string][]node.Generation

// Of leaves out the generations that a node has of another cluster, by their records. The
// one from before kplb stays.
func (h History) Of(id string) History {
	out := History{}
	for name, list := range h {
		out[name] = slices.DeleteFunc(slices.Clone(list), func(g node.Generation) bool { return g.Record != nil && g.Record.Cluster.ID != id })
	}
	return out
}

// Numbers are those of all generations but the one from before kplb, in order.
func (h History) Numbers() []int {
	seen := map[int]bool{}
	for _, list := range h {
		for _, g := range list {
			if g.Number > 0 {
				seen[g.Number] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Record is that of a generation of the cluster; nil: an older kplb has made it, or no
// node has it any more.
func (h History) Record(id string, number int) *record.Record {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, g := range h[name] {
			if g.Number == number && g.Record != nil && g.Record.Cluster.ID == id {
				return g.Record
			}
		}
	}
	return nil
}

// has says whether a node keeps a generation.
func (h History) has(name string, number int) bool {
	return slices.ContainsFunc(h[name], func(g node.Generation) bool { return g.Number == number })
}

// current is the newest record that is of the inventory's cluster; nil: no node has one.
func (h History) current(c *inventory.Cluster) *record.Record {
	var found *record.Record
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, g := range h[name] {
			if g.Record != nil && g.Record.IsOf(c) && (found == nil || newer(g.Record, found, c.Name)) {
				found = g.Record
			}
		}
	}
	return found
}

// highest is the number of the newest current generation.
func (h History) highest() int {
	most := 0
	for _, list := range h {
		for _, g := range list {
			if g.Current {
				most = max(most, g.Number)
			}
		}
	}
	return most
}
