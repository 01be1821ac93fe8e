package member

import (
	"maps"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/record"
)

// Generation is one of the cluster, as people are told of it.
type Generation struct {
	Number  int      `json:"generation"`
	Current bool     `json:"current"`
	Time    string   `json:"time,omitempty"`
	By      string   `json:"by,omitempty"`
	Version string   `json:"kplb,omitempty"` // that has made it; empty: one that kept no record
	Of      *int     `json:"of,omitempty"`   // the generation that was gone back to
	Changed []string `json:"changed"`        // what it changed, in words
	Missing []string `json:"missing,omitempty"`
}

// Generations are those of the cluster of an inventory, in order. A node is missing in one
// whose member it is by its record, and that it does not keep.
func (h History) Generations(c *inventory.Cluster) []Generation {
	current := h.current(c)
	id := ""
	if current != nil {
		id = current.Cluster.ID
	}
	h = h.Of(id)
	var out []Generation
	var before *record.Record
	for _, number := range append([]int{0}, h.Numbers()...) {
		g := Generation{Number: number, Changed: []string{}, Missing: h.missing(number, h.Record(id, number))}
		if r := h.Record(id, number); r != nil {
			g.Time, g.By, g.Version, g.Of = r.Time.Format(time.RFC3339), r.By, r.Version, r.Of
			g.Changed = record.Words(before, r, inventoryOf(before), inventoryOf(r))
			g.Current = number == h.highest()
			before = r
		} else if !h.unrecorded(&g) {
			continue
		}
		out = append(out, g)
	}
	return out
}

// unrecorded fills a generation in by what the nodes say that keep no record of it, and
// reports false where none does.
func (h History) unrecorded(g *Generation) bool {
	found := false
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, kept := range h[name] {
			if kept.Number != g.Number || kept.Record != nil {
				continue
			}
			g.Current = g.Current || kept.Current
			if !found {
				g.Time, g.By, found = kept.Time, kept.About, true
				if kept.Err != nil {
					g.Changed = []string{kept.Err.Error()}
				}
			}
		}
	}
	return found
}

// missing are the nodes that were asked, were members, and do not keep the generation.
func (h History) missing(number int, r *record.Record) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		member := r == nil
		if r != nil {
			_, member = r.Member(name)
		}
		if member && !h.has(name, number) {
			out = append(out, name)
		}
	}
	return out
}

// inventoryOf is what a record was made of; nil: it is not known, or cannot be read any
// more.
func inventoryOf(r *record.Record) *inventory.Cluster {
	if r == nil || r.Inventory == "" {
		return nil
	}
	c, err := inventory.Parse("inventory", []byte(r.Inventory))
	if err != nil {
		return nil
	}
	return c
}
