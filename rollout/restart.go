package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
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

// restartedPath holds how the node's apiserver has restarted last, and the
// seconds that it took: "quick 7.9".
const restartedPath = basePath + "/restarted"

// restartOn is how the node's apiserver restarts. Only a kubelet can start it
// quickly.
func restartOn(c *inventory.Cluster, f *Facts) APIServerRestart {
	restart := gracefulRestart
	if c.APIServer.Restart == inventory.Quick && f.Units[kubeletUnit].Active == "active" {
		restart = quickRestart
	}
	if last := f.lastRestart(restart.Quick); last > 0 {
		restart.Usual = last.Round(time.Second)
		restart.Longest = max(restart.Longest, 2*restart.Usual)
	}
	return restart
}

const kubeletUnit = "kubelet.service"

// lastRestart is 0 where none of that kind was written down, or nothing that
// can be true.
func (f *Facts) lastRestart(quick bool) time.Duration {
	kind, said, _ := strings.Cut(strings.TrimSpace(string(f.Files[restartedPath].Content)), " ")
	seconds, err := strconv.ParseFloat(said, 64)
	if err != nil || kind != string(restartKind(quick)) || !(seconds >= 1 && seconds < apiserverPatience.Seconds()) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

func restartKind(quick bool) inventory.Restart {
	if quick {
		return inventory.Quick
	}
	return inventory.Graceful
}

// port is what stage.sh takes: the apiserver's, where it restarts quickly.
func (r APIServerRestart) port(port uint16) string {
	if !r.Quick {
		return ""
	}
	return strconv.Itoa(int(port))
}

// restarted remembers how long the restart of a node's apiserver took.
func (r *Rollout) restarted(n NodePlan, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.restarts == nil {
		r.restarts = map[string]string{}
	}
	r.restarts[n.Node.Name] = fmt.Sprintf("%s %.1f", restartKind(n.Restart.Quick), took.Seconds())
}

// restartOf is what confirm.sh writes down; empty: there was none.
func (r *Rollout) restartOf(n inventory.Node) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.restarts[n.Name]
}
