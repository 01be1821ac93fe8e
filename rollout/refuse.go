package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// Refusal is a reason not to touch anything: what is wrong on which node, and
// what a person does about it.
type Refusal struct {
	Node  string
	What  string
	Cure  string
	Where string // a position in the inventory, if the cause may be there
}

func (r Refusal) String() string {
	s := r.Node + ": " + r.What
	if r.Where != "" {
		s = r.Where + ": " + s
	}
	return s
}

// RefusedError says that nothing was changed anywhere, and why.
type RefusedError struct{ Refusals []Refusal }

func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Refusals))
	for i, r := range e.Refusals {
		lines[i] = r.String()
	}
	return strings.Join(lines, "\n")
}

// Hints are the cures, one for each different one.
func (e *RefusedError) Hints() []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, r := range e.Refusals {
		if !seen[r.Cure] {
			out, seen[r.Cure] = append(out, r.Cure), true
		}
	}
	return out
}

// refusals looks for what would break half way on a node.
func refusals(c *inventory.Cluster, n inventory.Node, f *node.Facts) []Refusal {
	var out []Refusal
	refuse := func(where, cure, what string, args ...any) {
		r := Refusal{Node: n.Name, What: fmt.Sprintf(what, args...), Cure: cure}
		if where != "" {
			r.Where = c.Position(where).String()
		}
		out = append(out, r)
	}
	if n.Worker {
		refuseWorker(f, refuse)
		refuseBalancer(c, f, refuse)
		return out
	}
	at := fmt.Sprintf("nodes[%d]", slices.IndexFunc(c.Nodes, func(m inventory.Node) bool { return m.Name == n.Name }))
	refuseNetwork(c, n, f, at, refuse)
	refuseSoftware(c, f, refuse)
	refuseRedirect(c, f, refuse)
	refuseDirector(c, f, refuse)
	refuseIPv6(c, f, refuse)
	refuseFiles(f, refuse)
	refuseManifests(f, refuse)
	refuseListeners(c, n, f, refuse)
	refuseServices(c, n, f, refuse)
	refuseMetrics(c, n, f, refuse)
	return out
}

// waitingRefusals refuses to change anything while a change waits to be
// confirmed.
func waitingRefusals(nodes []inventory.Node, facts map[string]*node.Facts) error {
	var out []Refusal
	for _, n := range nodes {
		if waiting, ok := facts[n.Name].Pending(); ok {
			out = append(out, Refusal{
				Node: n.Name, What: "a change waits to be confirmed: " + waiting.About,
				Cure: "make it last with `kplb confirm`, take it back now with `kplb rollback`, or wait: the node takes it back by itself",
			})
		}
	}
	if len(out) == 0 {
		return nil
	}
	return &RefusedError{out}
}
