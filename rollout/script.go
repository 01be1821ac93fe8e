package rollout

import (
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// pathsOf is what a node's scripts take for the managed paths.
func (r *Rollout) pathsOf(n inventory.Node) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.facts[n.Name]; f != nil {
		return strings.Join(f.ManagedPaths(), " ")
	}
	return strings.Join(node.ManagedPaths(), " ")
}
