package member

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/refusal"
)

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
