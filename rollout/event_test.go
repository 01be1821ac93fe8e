package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
)

// told is what people who watch are told.
type told struct {
	mu     sync.Mutex
	events []Event
}

func (w *told) take(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// atWork are the steps that have begun, and are not over.
func (w *told) atWork() []string {
	var out []string
	for _, e := range w.events {
		key := e.Node + ": " + e.Step
		at := slices.Index(out, key)
		switch {
		case e.Done:
		case e.Over && at >= 0:
			out = slices.Delete(out, at, at+1)
		case !e.Over && at < 0:
			out = append(out, key)
		}
	}
	return out
}

// of are the steps of a node that are no brief ones, in order.
func (w *told) of(member string) []string {
	var out []string
	for _, e := range w.events {
		if e.Node == member && !e.Brief && !e.Over {
			out = append(out, strings.TrimSuffix(e.Step+": "+e.Waits, ": "))
		}
	}
	return out
}

// TestEvents: every step that begins is over, whatever becomes of it.
func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		spoil         func(*fleet)
		node, cluster []string // of node-2
		stops         bool
	}{
		"all is well": {
			func(*fleet) {},
			[]string{"installing files", "draining its apiserver", "waiting for the apiserver on 127.9.1.2:1", "waiting for the apiserver on 127.9.1.2:1: it listens on *:1", "haproxy and keepalived", "changed"},
			[]string{"listening for others on 127.9.1.9", "proving /healthz through the VIP", "confirming over new connections"}, false,
		},
		"a node refuses": {
			func(f *fleet) { f.nodes["node-2"].on["activate"] = refuses("haproxy does not start\nof all things") },
			[]string{
				"installing files", "draining its apiserver", "waiting for the apiserver on 127.9.1.2:1", "waiting for the apiserver on 127.9.1.2:1: it listens on *:1", "haproxy and keepalived",
				"taking the change back", "draining its apiserver",
			},
			[]string{"listening for others on 127.9.1.9", "stopped: node-2: haproxy does not start; of all things"}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, freshOf)
				for _, n := range f.nodes {
					n.on["drain"] = func(_ context.Context, _ remote.Script, say say) error { say("drained"); return nil }
				}
				asked := 0
				f.nodes["node-2"].on["await"] = func(_ context.Context, _ remote.Script, say say) error {
					if asked++; asked == 1 {
						say("elsewhere", "*:1")
					}
					return nil
				}
				c.spoil(f)
				w := &told{}
				f.Report = w.take
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				var stopped *StoppedError
				same(t, "stopped", errors.As(err, &stopped), c.stops)
				same(t, "node-2", w.of("node-2"), c.node)
				same(t, "the cluster", w.of(""), c.cluster)
				same(t, "still at work", len(w.atWork()), 0)
				f.ends()
			})
		})
	}
}

// TestInterruptedIsTold says what happens now, and what a second Ctrl-C does.
func TestInterruptedIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change("node-2", "node-3")
		ctx, interrupt := context.WithCancel(t.Context())
		f.nodes["node-2"].on["activate"] = func(ctx context.Context, _ remote.Script, _ say) error {
			interrupt()
			return fmt.Errorf("interrupted during activate: %w", ctx.Err())
		}
		w := &told{}
		f.Report = w.take
		_, err := f.Apply(ctx, f.planned(proven), Options{Window: time.Minute})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		same(t, "the node at work goes back", w.of("node-2"), []string{"installing files", "haproxy and keepalived", "taking the change back"})
		same(t, "the next one never begins", len(w.of("node-3")), 0)
		same(t, "the cluster", w.of(""), []string{"interrupted: what has changed is taken back; a second Ctrl-C leaves that to the nodes, which do it by themselves within 1m0s"})
		same(t, "still at work", len(w.atWork()), 0)
		f.ends()
	})
}

// TestVerifySaysWhatItWaitsFor names the first check that does not pass.
func TestVerifySaysWhatItWaitsFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.vip.down.Store(true)
		time.AfterFunc(700*time.Millisecond, func() { f.vip.down.Store(false) })
		w := &told{}
		f.Report = w.take
		proof, err := f.Verify(t.Context(), time.Minute)
		says(t, err, "")
		same(t, "proven", proof.OK(), true)
		same(t, "the cluster", len(w.of("")) > 0, true)
		for _, what := range w.of("") {
			if !strings.HasPrefix(what, "proving /healthz through the VIP: /healthz on 127.9.1.9:1: ") {
				t.Errorf("waits for %q", what)
			}
		}
		same(t, "still at work", len(w.atWork()), 0)
		f.ends()
	})
}
