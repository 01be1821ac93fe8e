package plan

import (
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// RestartLimit is how long an apiserver may take to come back.
const RestartLimit = 180 * time.Second

// APIServerRestart is how the apiserver of a node restarts when its manifest
// changes.
type APIServerRestart struct {
	// Quick says that the node kills an apiserver that has closed its port, so that
	// kubelet starts the next one at once. Otherwise it exits when its shutdown is done.
	Quick   bool
	Usual   time.Duration // from the new manifest to a ready apiserver: the last measurement on this node, or else a default
	Longest time.Duration // longer than any restart so far: nodes that revert by themselves wait this long for each other
}

// How long restarts take where none was measured yet, see docs/restart.md.
var (
	quickRestart    = APIServerRestart{Quick: true, Usual: 10 * time.Second, Longest: 20 * time.Second}
	gracefulRestart = APIServerRestart{Usual: 49 * time.Second, Longest: 49 * time.Second}
)

// restartOn is how the node's apiserver restarts. It is quick only if the kubelet
// runs.
func restartOn(c *inventory.Cluster, f *node.Facts) APIServerRestart {
	restart := gracefulRestart
	if c.APIServer.Restart == inventory.Quick && f.Units[f.Distribution.Layout().KubeletUnit].Active == "active" {
		restart = quickRestart
	}
	if last := lastRestart(f, restart); last > 0 {
		restart.Usual = last.Round(time.Second)
		restart.Longest = max(restart.Longest, 2*restart.Usual)
	}
	return restart
}

// lastRestart is how long the last restart of that kind took; 0: none was recorded,
// or what was recorded cannot be true.
func lastRestart(f *node.Facts, restart APIServerRestart) time.Duration {
	last, ok := f.LastRestart()
	if !ok || last.Kind != restart.Kind() || last.Took < time.Second || last.Took >= RestartLimit {
		return 0
	}
	return last.Took
}

// Kind is the inventory's word for such a restart.
func (r APIServerRestart) Kind() inventory.Restart {
	if r.Quick {
		return inventory.Quick
	}
	return inventory.Graceful
}

// QuickPort is the apiserver's port, where it restarts quickly, and else 0.
func (r APIServerRestart) QuickPort(port uint16) uint16 {
	if !r.Quick {
		return 0
	}
	return port
}
