package member

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/refusal"
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

// BackTo is a generation of the cluster to go back to.
type BackTo struct {
	Number  int
	Content int            // the generation whose content it has: its own, or the one that it went back to
	Record  *record.Record // nil: an older kplb has made it, or it is generation 0
}

// Back is the generation of that number, or the one before the one whose content is
// current if the number is negative. Its error is a refusal.Error.
func (m Membership) Back(name string, h History, number int) (BackTo, error) {
	id := ""
	if m.Record != nil {
		id = m.Record.Cluster.ID
	}
	h = h.Of(id)
	if number < 0 {
		var err error
		if number, err = m.before(name, h); err != nil {
			return BackTo{}, err
		}
	}
	to := BackTo{Number: number, Content: number, Record: h.Record(id, number)}
	if to.Record != nil {
		to.Content = to.Record.Content()
	}
	if number > 0 && !slices.Contains(h.Numbers(), number) {
		return BackTo{}, refuseBack(name, fmt.Sprintf("there is no generation %d; there are %s", number, list(append([]int{0}, h.Numbers()...))))
	}
	return to, nil
}

// before is the generation before the one whose content is current.
func (m Membership) before(name string, h History) (int, error) {
	numbers := h.Numbers()
	if len(numbers) == 0 {
		return 0, refuseBack(name, "the nodes have no generation yet")
	}
	content := m.Highest
	if m.Record != nil && m.Record.Generation == m.Highest {
		content = m.Record.Content()
	}
	earlier := slices.DeleteFunc(slices.Clone(numbers), func(n int) bool { return n >= content })
	switch {
	case len(earlier) > 0:
		return earlier[len(earlier)-1], nil
	case content <= 1:
		return 0, nil
	}
	return 0, refuseBack(name, fmt.Sprintf("of the generations before %d no node keeps one, but the one from before kplb", content))
}

// RefuseGaps refuses to go back where a node that is a member then does not keep the
// generation. One that keeps none at all has left meanwhile, or is new: its files are
// made of the inventory of then, if that is known.
func (b BackTo) RefuseGaps(nodes []inventory.Node, h History) error {
	var out []refusal.Refusal
	for _, n := range nodes {
		if b.Number == 0 || h.has(n.Name, b.Number) || len(h[n.Name]) == 0 && b.Record != nil {
			continue
		}
		var has []int
		for _, g := range h[n.Name] {
			has = append(has, g.Number)
		}
		out = append(out, refusal.Refusal{Node: n.Name, What: fmt.Sprintf("does not have generation %d; it has %s", b.Number, list(has)), Hint: hintCommon(nodes, h)})
	}
	if len(out) == 0 {
		return nil
	}
	return &refusal.Error{Refusals: out}
}

// RefuseUnlike refuses a generation without a record where it is not the same change on all
// of the nodes: an older kplb has counted on each node by itself. Its error is a refusal.Error.
func (b BackTo) RefuseUnlike(nodes []inventory.Node, h History) error {
	if b.Record != nil || b.Number == 0 {
		return nil
	}
	changes := map[string][]string{}
	for _, n := range nodes {
		for _, g := range h[n.Name] {
			if g.Number == b.Number {
				changes[g.Txn] = append(changes[g.Txn], n.Name)
			}
		}
	}
	if len(changes) < 2 {
		return nil
	}
	words := make([]string, 0, len(changes))
	for _, names := range changes {
		words = append(words, strings.Join(names, " and "))
	}
	slices.Sort(words)
	return &refusal.Error{Refusals: []refusal.Refusal{{
		Node: words[0], What: fmt.Sprintf("generation %d is another change than on %s: an older kplb, which has made it, counted on each node by itself", b.Number, strings.Join(words[1:], ", and on ")),
		Hint: "apply the inventory that was right then, or go back to generation 0",
	}}}
}

// hintCommon names the newest generation that all of the nodes keep.
func hintCommon(nodes []inventory.Node, h History) string {
	for _, number := range slices.Backward(h.Numbers()) {
		if !slices.ContainsFunc(nodes, func(n inventory.Node) bool { return !h.has(n.Name, number) }) {
			return fmt.Sprintf("the newest generation that every node has is %d; see `kplb history`", number)
		}
	}
	return "see `kplb history`"
}

func list(numbers []int) string {
	if len(numbers) == 0 {
		return "none"
	}
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, ", ")
}

func refuseBack(name, what string) error {
	return &refusal.Error{Refusals: []refusal.Refusal{{Node: name, What: what, Hint: "see `kplb history`"}}}
}

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
