//go:build failover

package failover

import (
	"bufio"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/lab/machines"
)

// holders knows who has had the VIP since when: from the kernel's own word in
// each node's network, all with this machine's clock.
type holders struct {
	lab     machines.Lab
	mu      sync.Mutex
	changes []holding
}

type holding struct {
	node  string
	at    time.Time
	holds bool
}

func watchHolders(lab machines.Lab) (*holders, error) {
	h := &holders{lab: lab}
	for _, n := range machines.Nodes {
		if err := h.attach(n); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// attach begins to watch a node; its network is a new one after each boot. The
// watcher goes with the network.
func (h *holders) attach(n string) error {
	cmd := exec.Command("ip", "-n", h.lab.Machine(n), "-ts", "-o", "monitor", "address")
	cmd.Env = []string{"TZ=UTC", "PATH=/usr/sbin:/sbin:/usr/bin:/bin"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if at, holds, ok := parseMonitor(lines.Text()); ok {
				h.note(holding{n, at, holds})
			}
		}
		_ = cmd.Wait() // it was killed with the node
	}()
	time.Sleep(20 * time.Millisecond) // it listens by then; what was before is asked for
	h.note(holding{n, time.Now(), slices.Contains(h.lab.Holders(vip), n)})
	return nil
}

// parseMonitor reads a line of `ip -ts -o monitor address` about the VIP.
func parseMonitor(line string) (time.Time, bool, bool) {
	stamp, rest, found := strings.Cut(strings.TrimPrefix(line, "["), "] ")
	if !found || !strings.Contains(rest, " "+vip+"/") {
		return time.Time{}, false, false
	}
	at, err := time.Parse("2006-01-02T15:04:05.999999", stamp)
	return at, !strings.HasPrefix(rest, "Deleted "), err == nil
}

func (h *holders) note(c holding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = append(h.changes, c)
}

// now says who has it, and since when that is so.
func (h *holders) now() ([]string, time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	has := map[string]bool{}
	var since time.Time
	for _, c := range h.changes {
		if has[c.node] != c.holds {
			has[c.node], since = c.holds, c.at
		}
	}
	var out []string
	for _, n := range machines.Nodes {
		if has[n] {
			out = append(out, n)
		}
	}
	return out, since
}

// during gives the changes of a time that began then, each node's state before
// it first.
func (h *holders) during(began time.Time) []drill.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := map[string]bool{}
	var out []drill.Change
	for _, c := range h.changes {
		if c.at.Before(began) {
			before[c.node] = c.holds
			continue
		}
		out = append(out, drill.Change{Node: c.node, At: c.at.Sub(began), Holds: c.holds})
	}
	for _, n := range machines.Nodes {
		out = append([]drill.Change{{Node: n, Holds: before[n]}}, out...)
	}
	return out
}

// gone says that a node has lost its power: what it had, it has no more.
func (h *holders) gone(n string, at time.Time) { h.note(holding{n, at, false}) }
