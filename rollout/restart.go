package rollout

import (
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// APIServerRestart is how the apiserver of a node restarts when its manifest changes.
type APIServerRestart struct {
	// Quick has the node end an apiserver that has closed its port, and kubelet
	// start the next one at once, see apiserver.sh. Otherwise both are kubelet's.
	Quick   bool
	Usual   time.Duration // from the new manifest to an apiserver that is ready: the last one on this node, if there was one
	Longest time.Duration // which no restart has exceeded: apiservers that go back by themselves are so far apart
}

// How long restarts take where none was seen yet, see docs/restart.md.
var (
	quickRestart    = APIServerRestart{Quick: true, Usual: 10 * time.Second, Longest: 20 * time.Second}
	gracefulRestart = APIServerRestart{Usual: 49 * time.Second, Longest: 49 * time.Second}
)

// restartOn is how the node's apiserver restarts. Only a kubelet can start it
// quickly.
func restartOn(c *inventory.Cluster, f *node.Facts) APIServerRestart {
	restart := gracefulRestart
	if c.APIServer.Restart == inventory.Quick && f.Units[kubeletUnit].Active == "active" {
		restart = quickRestart
	}
	if last := lastRestart(f, restart.Quick); last > 0 {
		restart.Usual = last.Round(time.Second)
		restart.Longest = max(restart.Longest, 2*restart.Usual)
	}
	return restart
}

const kubeletUnit = "kubelet.service"

// lastRestart is 0 where none of that kind was written down, or nothing that
// can be true.
func lastRestart(f *node.Facts, quick bool) time.Duration {
	last, ok := f.LastRestart()
	if !ok || last.Kind != restartKind(quick) || last.Took < time.Second || last.Took >= apiserverPatience {
		return 0
	}
	return last.Took
}

func restartKind(quick bool) inventory.Restart {
	if quick {
		return inventory.Quick
	}
	return inventory.Graceful
}

// port is the apiserver's, where it restarts quickly, and else 0.
func (r APIServerRestart) port(port uint16) uint16 {
	if !r.Quick {
		return 0
	}
	return port
}

// restarted remembers how long the restart of a node's apiserver took.
func (r *Rollout) restarted(n NodePlan, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.restarts == nil {
		r.restarts = map[string]node.MeasuredRestart{}
	}
	r.restarts[n.Node.Name] = node.MeasuredRestart{Kind: restartKind(n.Restart.Quick), Took: took}
}

// restartOf is how the node's apiserver has restarted; nil: it has not.
func (r *Rollout) restartOf(n inventory.Node) *node.MeasuredRestart {
	r.mu.Lock()
	defer r.mu.Unlock()
	if restart, ok := r.restarts[n.Name]; ok {
		return &restart
	}
	return nil
}
