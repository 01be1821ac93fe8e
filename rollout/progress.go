package rollout

import (
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// progress is how far a transaction has come. Several nodes may change at once, and the
// windows are renewed meanwhile.
type progress struct {
	mu        sync.Mutex
	armed     []plan.NodePlan                 // nodes that may be changed and are not confirmed, in the order of their changes
	activated time.Time                       // when the last daemons were told to load their new files
	restarts  map[string]node.MeasuredRestart // of the apiservers, by node
}

// arm adds a node to the armed ones.
func (p *progress) arm(n plan.NodePlan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = append(p.armed, n)
}

// armedNodes are the nodes that are armed now.
func (p *progress) armedNodes() []plan.NodePlan {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.armed)
}

// activatedNow records that daemons were told to load their new files.
func (p *progress) activatedNow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.activated = time.Now()
}

// lastActivation is when daemons were last told to load their new files; zero: never.
func (p *progress) lastActivation() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.activated
}

// restarted records how long the restart of a node's apiserver took.
func (p *progress) restarted(n plan.NodePlan, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.restarts == nil {
		p.restarts = map[string]node.MeasuredRestart{}
	}
	p.restarts[n.Node.Name] = node.MeasuredRestart{Kind: n.Restart.Kind(), Took: took}
}

// restartOf is the recorded restart of the node's apiserver; nil: none.
func (p *progress) restartOf(n inventory.Node) *node.MeasuredRestart {
	p.mu.Lock()
	defer p.mu.Unlock()
	if restart, ok := p.restarts[n.Name]; ok {
		return &restart
	}
	return nil
}
