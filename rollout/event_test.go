package rollout

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/remote"
)

// TestEvents: every step that begins is over, whatever becomes of it.
func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		spoil         func(*fakeFleet)
		node, cluster []string // of node-2
		stops         bool
	}{
		"all is well": {
			func(*fakeFleet) {},
			[]string{"installing files", "draining its apiserver", "waiting for the apiserver on 127.9.1.2:1", "waiting for the apiserver on 127.9.1.2:1: it listens on *:1", "haproxy and keepalived", "changed"},
			[]string{"listening for others on 127.9.1.9", "proving /healthz through the VIP", "confirming over new connections"}, false,
		},
		"a node refuses": {
			func(f *fakeFleet) {
				f.Nodes["node-2"].On["activate"] = refuses("haproxy does not start\nof all things")
			},
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
				for _, n := range f.Nodes {
					n.On["drain"] = func(_ context.Context, _ remote.Script, say say) error { say("drained"); return nil }
				}
				asked := 0
				f.Nodes["node-2"].On["await"] = func(_ context.Context, _ remote.Script, say say) error {
					if asked++; asked == 1 {
						say("elsewhere", "*:1")
					}
					return nil
				}
				c.spoil(f)
				w := &fleettest.Told{}
				f.Rollout.Fleet.OnEvent = w.Take
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				var stopped *StoppedError
				same(t, "stopped", errors.As(err, &stopped), c.stops)
				same(t, "node-2", w.Of("node-2"), c.node)
				same(t, "the cluster", w.Of(""), c.cluster)
				same(t, "still at work", len(w.AtWork()), 0)
				f.Ends()
			})
		})
	}
}

// TestInterruptedIsTold says what happens now, and what a second Ctrl-C does.
func TestInterruptedIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-2", "node-3")
		ctx, interrupt := context.WithCancel(t.Context())
		f.Nodes["node-2"].On["activate"] = func(ctx context.Context, _ remote.Script, _ say) error {
			interrupt()
			return fmt.Errorf("interrupted while activating the new files: %w", ctx.Err())
		}
		w := &fleettest.Told{}
		f.Rollout.Fleet.OnEvent = w.Take
		_, err := f.Apply(ctx, f.planned(proven), Options{Window: time.Minute})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		same(t, "the node at work goes back", w.Of("node-2"), []string{"installing files", "haproxy and keepalived", "taking the change back"})
		same(t, "the next one never begins", len(w.Of("node-3")), 0)
		same(t, "the cluster", w.Of(""), []string{"interrupted: what has changed is taken back; a second Ctrl-C leaves that to the nodes, which do it by themselves within 1m0s"})
		same(t, "still at work", len(w.AtWork()), 0)
		f.Ends()
	})
}
