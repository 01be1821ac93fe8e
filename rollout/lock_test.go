package rollout

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// TestLocked says who holds a lock, and gives up those that it has.
func TestLocked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change()
		slices.Reverse(f.Rollout.Fleet.Cluster.Nodes) // the order of names counts, not that of the inventory
		first := ""
		held := map[string]bool{}
		for name, n := range f.Nodes {
			n.On["lock"] = func(_ context.Context, s remote.Script, say say) error {
				f.Locked(func() {
					if first == "" {
						first = name
					}
					held[name] = true
				})()
				if name == "node-3" {
					say("held", "bob@laptop, pid 9 since 2026-11-20T20:00:00Z")
					return &remote.ScriptError{Host: name, Script: s.Name, Code: 1}
				}
				say("locked")
				return nil
			}
			n.On["release"] = func(context.Context, remote.Script, say) error {
				f.Locked(func() { delete(held, name) })()
				return nil
			}
		}
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "node-3: locked by bob@laptop, pid 9 since 2026-11-20T20:00:00Z")
		var locked *node.LockedError
		if !errors.As(err, &locked) {
			t.Fatalf("%T", err)
		}
		same(t, "hint", locked.Hint(), "wait until it is done; if nobody is at work any more, the lock ends by itself within 20 s, and `kplb unlock` takes it away at once")
		same(t, "whoever has the first one gets the others", first, "node-1")
		same(t, "not given up, but for the one that was not had", held, map[string]bool{"node-3": true})
		same(t, "asked", f.Log(), []string(nil))
		says(t, &node.LockedError{Node: "node-1"}, "node-1: locked by another operator")
		f.Ends()
	})
}

// TestLockFails in the ways in which a node, honest or not, can answer.
func TestLockFails(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		lock step
		says string
	}{
		{"refused", refuses("the lock cannot be written to /run"), "node-2: the lock cannot be written to /run"},
		{"the connection is lost", fails(errGone), "node: connection lost"},
		{"it ends without a word", fails(nil), "node-2: the lock was not taken: lock.sh ended without a word"},
		{
			"it says so again and again", func(_ context.Context, _ remote.Script, say say) error {
				for range 9 {
					say("held", "bob")
				}
				return nil
			}, "node-2: locked by bob",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.Nodes["node-2"].On["lock"] = c.lock
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, c.says)
				f.Ends()
			})
		})
	}
	t.Run("interrupted while it waits", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.Nodes["node-2"].On["lock"] = func(ctx context.Context, _ remote.Script, _ say) error { <-ctx.Done(); return ctx.Err() }
			p := f.planned(proven)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := f.Apply(ctx, p, options)
			says(t, err, "context deadline exceeded")
			f.Ends()
		})
	})
	t.Run("locked nine times over", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.Nodes["node-2"].On["lock"] = func(_ context.Context, _ remote.Script, say say) error {
				for range 9 {
					say("locked")
				}
				return nil
			}
			_, err := f.Apply(t.Context(), f.planned(proven), options)
			says(t, err, "")
			f.Ends()
		})
	})
}
