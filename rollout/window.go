package rollout

import (
	"time"

	"github.com/kplb/kplb/plan"
)

// longestWindow is the window of the armed node that would revert last.
func (t *transaction) longestWindow() time.Duration {
	longest := t.window
	for _, n := range t.progress.armedNodes() {
		longest = max(longest, t.windowOf(n))
	}
	return longest
}

// windowOf is the window of a node. Nodes that revert the apiserver's manifest by
// themselves do so one after the other: each later one waits for one more restart.
func (t *transaction) windowOf(n plan.NodePlan) time.Duration {
	if n.Listen == "" {
		return t.window
	}
	window := t.window + n.Restart.Longest
	for _, other := range t.fleet.Cluster.Nodes {
		if other.Name == n.Node.Name {
			break
		}
		window += n.Restart.Longest
	}
	return window
}
