package status

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// Watch shows the status every interval, until the context ends or show has
// an error, which it returns. Each node is looked at by itself: one that does
// not answer holds up nobody, and says for how long it has not. The first time
// is when all nodes have answered, or after a second.
func Watch(ctx context.Context, f *fleet.Fleet, planner plan.Planner, interval time.Duration, show func(*Status) error) error {
	nodes := f.Everyone()
	w := &watch{nodes: nodes, vips: f.Cluster.VIPs, seen: make([]sample, len(nodes)), gained: map[netip.Addr]time.Time{}, all: make(chan struct{}), missing: len(nodes)}
	for i, n := range nodes {
		w.seen[i].err = fmt.Errorf("%s: no answer yet", n.Name)
	}
	ctx, stop := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	for i := range nodes {
		looking.Go(func() { w.lookAt(ctx, f, i, interval) })
	}
	select {
	case <-ctx.Done():
	case <-w.all:
	case <-time.After(time.Second):
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := show(assess(f.Cluster, nodes, w.now(interval), planner)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return nil
}

// watch is what its nodes have answered last.
type watch struct {
	nodes []inventory.Node
	vips  []netip.Addr

	mu      sync.Mutex
	seen    []sample                 // of the nodes
	gained  map[netip.Addr]time.Time // when a node was last seen to have a VIP that it did not have before
	missing int
	all     chan struct{} // closed when every node has been looked at
}

func (w *watch) lookAt(ctx context.Context, f *fleet.Fleet, i int, interval time.Duration) {
	for first := true; ; first = false {
		now := sampleNode(ctx, f, w.nodes[i])
		if ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		for _, vip := range w.vips {
			if now.holds(vip) && !w.seen[i].holds(vip) {
				w.gained[vip] = now.at
			}
		}
		w.seen[i] = now
		if first {
			if w.missing--; w.missing == 0 {
				close(w.all)
			}
		}
		w.mu.Unlock()
		if fleet.Sleep(ctx, interval) != nil {
			return
		}
	}
}

// silent is how long after an interval an answer is not late yet.
const silent = 3 * time.Second

// now is what is known of the nodes.
func (w *watch) now(interval time.Duration) []sample {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]sample, len(w.seen))
	for i, g := range w.seen {
		if age := time.Since(g.at); g.err == nil && age > interval+silent {
			g.err = fmt.Errorf("%s: no answer for %s", w.nodes[i].Name, age.Round(time.Second))
		}
		out[i] = w.current(g)
	}
	return out
}

// current takes a VIP away that was seen on another node since: the nodes are
// not looked at in the same moment, and a VIP that moves is not on two.
func (w *watch) current(g sample) sample {
	for _, vip := range w.vips {
		if g.holds(vip) && g.begun.Before(w.gained[vip]) && g.at != w.gained[vip] {
			f := *g.facts
			f.Addresses = slices.DeleteFunc(slices.Clone(f.Addresses), func(a node.Address) bool { return a.Prefix.Addr() == vip })
			g.facts = &f
		}
	}
	return g
}

func (g sample) holds(vip netip.Addr) bool {
	return g.err == nil && g.facts != nil && g.facts.Holds(vip)
}
