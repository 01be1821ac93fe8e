package fleet

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kplb/kplb/inventory"
)

// NodeErrors are the errors of several nodes, by name. Nothing was changed on these
// nodes.
type NodeErrors map[string]error

// Error has one line for each node, in order of their names.
func (e NodeErrors) Error() string {
	lines := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		lines = append(lines, e[name].Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the nodes' errors, for errors.Is and errors.As.
func (e NodeErrors) Unwrap() []error {
	out := make([]error, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		out = append(out, e[name])
	}
	return out
}

// most is how many nodes are worked on at once if the order does not matter.
const most = 32

// Each calls do for several nodes at once, and returns when all calls have. Its error is
// a NodeErrors.
func Each(nodes []inventory.Node, do func(inventory.Node) error) error {
	errs := NodeErrors{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(most)
	for _, n := range nodes {
		g.Go(func() error {
			if err := do(n); err != nil {
				mu.Lock()
				errs[n.Name] = err
				mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	if len(errs) > 0 {
		return errs
	}
	return nil
}
