package rollout

import (
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// pathsOf is every path whose state belongs to a generation of the node.
func (r *Rollout) pathsOf(n inventory.Node) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.facts[n.Name]; f != nil {
		return f.ManagedPaths()
	}
	return node.ManagedPaths()
}
