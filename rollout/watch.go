package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
)

// Watch shows the status every interval, until the context ends or show has
// an error, which it returns. Each node is looked at by itself: one that does
// not answer holds up nobody, and says for how long it has not. The first time
// is when all nodes have answered, or after a second.
func (r *Rollout) Watch(ctx context.Context, interval time.Duration, show func(*Status) error) error {
	nodes := r.everyone()
	w := &watch{seen: make([]glance, len(nodes)), all: make(chan struct{}), missing: len(nodes)}
	for i := range nodes {
		w.seen[i].err = errNoAnswerYet
	}
	ctx, stop := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	for i, n := range nodes {
		looking.Go(func() { w.lookAt(ctx, r, n, i, interval) })
	}
	select {
	case <-ctx.Done():
	case <-w.all:
	case <-time.After(time.Second):
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := show(r.assess(ctx, nodes, w.now(interval))); err != nil {
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
	mu      sync.Mutex
	seen    []glance
	missing int
	all     chan struct{} // closed when every node has been looked at
}

func (w *watch) lookAt(ctx context.Context, r *Rollout, n inventory.Node, i int, interval time.Duration) {
	for first := true; ; first = false {
		now := r.glanceAt(ctx, n)
		if ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		w.seen[i] = now
		if first {
			if w.missing--; w.missing == 0 {
				close(w.all)
			}
		}
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// silent is how long after an interval an answer is not late yet.
const silent = 3 * time.Second

// now is what is known of the nodes.
func (w *watch) now(interval time.Duration) []glance {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]glance, len(w.seen))
	for i, g := range w.seen {
		if age := time.Since(g.at); g.err == nil && age > interval+silent {
			g.err = fmt.Errorf("no answer for %s", age.Round(time.Second))
		}
		out[i] = g
	}
	return out
}

// errNoAnswerYet is of a node that is being connected to.
var errNoAnswerYet = errors.New("no answer yet")
