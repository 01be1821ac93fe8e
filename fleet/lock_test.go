package fleet_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
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
		owners, err := fleet.Unlock(t.Context(), f.Fleet)
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

// TestLockHeld: who does not get all locks has none, and knows who has them.
func TestLockHeld(t *testing.T) {
	const bob = "bob@laptop, pid 9 since 2026-11-20T20:00:00Z"
	off := &remote.Error{Host: "node-3", Err: remote.ErrUnreachable}
	for _, c := range []struct {
		name     string
		held     string // the node that bob has
		off      bool   // node-3 cannot be reached
		says     string
		locked   bool // the error is a node.LockedError
		released []string
	}{
		{"free", "", false, "", false, nil},
		{"the first", "node-1", false, "node-1: locked by " + bob, true, nil},
		{"the last", "node-3", false, "node-3: locked by " + bob, true, []string{"node-1", "node-2"}},
		{"one is off", "", true, "node-3: is not reachable", false, []string{"node-1", "node-2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fleettest.InBubble(t, func(t *testing.T) {
				f := fleettest.New(t, fleettest.Applied)
				if c.held != "" {
					f.Nodes[c.held].On["lock"] = func(_ context.Context, s remote.Script, say fleettest.Say) error {
						say("held", bob)
						return &remote.ScriptError{Host: c.held, Script: s.Name, Code: 1}
					}
				}
				if c.off {
					f.Nodes["node-3"].Dial = func(int) error { return off }
				}
				lock, err := f.Fleet.Lock(t.Context())
				fleettest.Says(t, err, c.says)
				fleettest.Same(t, "has a lock", lock != nil, c.says == "")
				var held *node.LockedError
				fleettest.Same(t, "is locked", errors.As(err, &held), c.locked)
				var released []string
				for _, n := range f.Fleet.Cluster.Nodes {
					if _, ok := f.Given(n.Name + " release"); ok {
						released = append(released, n.Name)
					}
				}
				fleettest.Same(t, "released", released, c.released)
				if lock != nil {
					f.Fleet.Drop(f.Fleet.Cluster.Nodes[0]) // its lock has ended with it
					lock.Release(t.Context())
					_, asked := f.Given("node-1 release")
					fleettest.Same(t, "a lock that has ended is released", asked, false)
					_, asked = f.Given("node-2 release")
					fleettest.Same(t, "a lock that is held is released", asked, true)
				}
				f.Ends()
			})
		})
	}
}

// TestUnreachableLocks: locks that cannot be taken, or taken away, are errors.
func TestUnreachableLocks(t *testing.T) {
	fleettest.InBubble(t, func(t *testing.T) {
		f := fleettest.New(t, fleettest.Applied)
		lock, err := f.Fleet.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := f.Fleet.Cluster.Nodes[1]
		f.Fleet.Drop(n)
		f.Nodes["node-2"].Dial = func(int) error { return &remote.Error{Host: "node-2", Err: remote.ErrUnreachable} }
		fleettest.Says(t, lock.Retake(t.Context(), n), "node-2: is not reachable")
		owners, err := fleet.Unlock(t.Context(), f.Fleet)
		fleettest.Says(t, err, "node-2: is not reachable")
		fleettest.Same(t, "owners", len(owners), 0)
		lock.Release(t.Context())
		f.Ends()
	})
}
