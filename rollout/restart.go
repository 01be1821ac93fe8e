package rollout

import (
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// restarted records how long the restart of a node's apiserver took.
func (r *Rollout) restarted(n plan.NodePlan, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.restarts == nil {
		r.restarts = map[string]node.MeasuredRestart{}
	}
	r.restarts[n.Node.Name] = node.MeasuredRestart{Kind: n.Restart.Kind(), Took: took}
}

// restartOf is the recorded restart of the node's apiserver; nil: none.
func (r *Rollout) restartOf(n inventory.Node) *node.MeasuredRestart {
	r.mu.Lock()
	defer r.mu.Unlock()
	if restart, ok := r.restarts[n.Name]; ok {
		return &restart
	}
	return nil
}
