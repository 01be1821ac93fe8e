package fleet_test

import (
	"context"
	"testing"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/remote"
)

// TestUnlock names those who had the locks that are taken away.
func TestUnlock(t *testing.T) {
	fleettest.InBubble(t, func(t *testing.T) {
		f := fleettest.New(t, fleettest.Applied)
		f.Nodes["node-2"].On["unlock"] = func(_ context.Context, _ remote.Script, say fleettest.Say) error {
			say("taken", "bob@laptop since 2026")
			say("done")
			return nil
		}
		owners, err := f.Fleet.Unlock(t.Context())
		fleettest.Says(t, err, "")
		fleettest.Same(t, "owners", owners, map[string]string{"node-2": "bob@laptop since 2026"})
		f.Ends()
	})
}

// TestRetake: over a new connection an operator takes its own lock back, and nobody
// else's.
func TestRetake(t *testing.T) {
	for held, want := range map[string]string{
		"ann@desk, pid 7 since 2026-11-20T20:00:00Z":   "",
		"bob@laptop, pid 9 since 2026-11-20T20:00:00Z": "node-2: locked by bob@laptop, pid 9 since 2026-11-20T20:00:00Z",
	} {
		t.Run(held, func(t *testing.T) {
			fleettest.InBubble(t, func(t *testing.T) {
				f := fleettest.New(t, fleettest.Applied)
				lock, err := f.Fleet.Lock(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				free := false
				f.Nodes["node-2"].On["lock"] = func(_ context.Context, s remote.Script, say fleettest.Say) error {
					if free {
						say("locked")
						return nil
					}
					say("held", held)
					return &remote.ScriptError{Host: "node-2", Script: s.Name, Code: 1}
				}
				f.Nodes["node-2"].On["unlock"] = func(_ context.Context, _ remote.Script, say fleettest.Say) error {
					free = true
					say("taken", held)
					say("done")
					return nil
				}
				n := f.Fleet.Cluster.Nodes[1]
				f.Fleet.Drop(n)
				fleettest.Says(t, lock.Retake(t.Context(), n), want)
				lock.Release(t.Context())
				f.Ends()
			})
		})
	}
}
