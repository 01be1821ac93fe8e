package rollout

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// TestDrain has new connections go elsewhere while an apiserver restarts, and
// waits for those that are under way only where a haproxy does so.
func TestDrain(t *testing.T) {
	for _, c := range []struct {
		name    string
		drains  string // the node whose haproxy has servers to choose from
		pause   time.Duration
		restart []string
	}{
		{"a haproxy sends them elsewhere", "node-1", drainTime, []string{"drain node-2", "drain node-2", "drain node-2", "manifest", "ready node-2", "ready node-2", "ready node-2"}},
		{"there is no haproxy yet", "", 0, []string{"drain node-2", "drain node-2", "drain node-2", "manifest"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, freshOf)
				var mu sync.Mutex
				var seen []string
				var drained time.Time
				for _, n := range f.Nodes {
					n.On["drain"] = func(_ context.Context, s remote.Script, say say) error {
						mu.Lock()
						defer mu.Unlock()
						note := func(what, server string) {
							if server == "node-2" {
								seen, drained = append(seen, what+" node-2"), time.Now()
							}
						}
						switch q := nodetest.Request(s).(type) {
						case nodetest.DrainRequest:
							note("drain", q.Server)
							if n.ID == c.drains {
								say("drained")
							}
						case nodetest.UndrainRequest:
							note("ready", q.Server)
						}
						return nil
					}
				}
				f.Nodes["node-2"].On["manifest"] = func(context.Context, remote.Script, say) error {
					same(t, "pause", time.Since(drained), c.pause)
					seen = append(seen, "manifest")
					return nil
				}
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, "")
				if !slices.Equal(seen, c.restart) {
					t.Errorf("%v, not %v", seen, c.restart)
				}
				f.Ends()
			})
		})
	}
}

// TestDrainIsACourtesy that a rollout does not fail for.
func TestDrainIsACourtesy(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.Nodes["node-1"].On["drain"] = refuses("no such server")
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		f.Ends()
	})
}
