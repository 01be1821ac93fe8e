package rollout

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/verdict"
)

// TestWait leaves the confirmation to a person.
func TestWait(t *testing.T) {
	t.Parallel()
	waits := func(n *fakeNode) {
		put(n.Facts, pendingPath+"/txn", 0o600, []byte("abc"))
	}
	confirmed := func(n *fakeNode) { delete(n.Facts.Files, pendingPath+"/txn") }
	restored := func(n *fakeNode) {
		delete(n.Facts.Files, pendingPath+"/txn")
		put(n.Facts, basePath+"/restored", 0o600, []byte("reason=timer\n"))
	}
	cases := []struct {
		name    string
		after   func(f *fakeFleet) // a minute
		says    string
		summary []string
	}{
		{"confirmed by somebody", func(f *fakeFleet) { confirmed(f.Nodes["node-2"]); confirmed(f.Nodes["node-3"]) }, "", nil},
		{
			"nobody does", func(f *fakeFleet) { restored(f.Nodes["node-2"]); restored(f.Nodes["node-3"]) }, "not confirmed",
			[]string{"taken back, as before: node-2, node-3", "every node is as before"},
		},
		{
			"half and half", func(f *fakeFleet) { confirmed(f.Nodes["node-2"]); restored(f.Nodes["node-3"]) }, "not confirmed",
			[]string{"changed and confirmed: node-2", "taken back, as before: node-3"},
		},
		{
			"over a new connection, where the old one was lost", func(f *fakeFleet) {
				f.Rollout.Fleet.Connection(inventory.Node{Name: "node-3"}).(*fakeHost).Gone = true
				confirmed(f.Nodes["node-2"])
				confirmed(f.Nodes["node-3"])
			}, "", nil,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.Change("node-2", "node-3")
				begin := time.Now()
				prove := func(ctx context.Context, nodes *fleet.Fleet, what fleet.Inspection, d time.Duration) (*verdict.Proof, error) {
					waits(f.Nodes["node-2"])
					waits(f.Nodes["node-3"])
					time.AfterFunc(61*time.Second, f.Locked(func() { c.after(f) })) // nobody looks at the nodes in odd seconds
					return proven(ctx, nodes, what, d)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_, err := f.Apply(ctx, f.planned(prove), Options{Window: time.Minute, Wait: true})
				says(t, err, c.says)
				if took := time.Since(begin); took < time.Minute || took > 2*time.Minute {
					t.Errorf("waited %s", took)
				}
				var stopped *StoppedError
				if errors.As(err, &stopped) {
					same(t, "summary", stopped.Summary(), c.summary)
				}
				same(t, "asked to confirm or to go back", f.Times("node-2 confirm")+f.Times("node-2 revert"), 0)
				f.Ends()
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.Change("node-2")
			ctx, interrupt := context.WithCancel(t.Context())
			prove := func(ctx context.Context, nodes *fleet.Fleet, what fleet.Inspection, d time.Duration) (*verdict.Proof, error) {
				waits(f.Nodes["node-2"])
				time.AfterFunc(5*time.Second, interrupt)
				return proven(ctx, nodes, what, d)
			}
			_, err := f.Apply(ctx, f.planned(prove), Options{Window: time.Minute, Wait: true})
			says(t, err, "context canceled")
			same(t, "asked", f.Log(), []string{"node-2 stage", "node-2 transact", "node-2 activate", "node-2 revert"})
			f.Ends()
		})
	})
}

// TestConfirmAndTakeBack are what a person does with a change that waits.
func TestConfirmAndRevertPending(t *testing.T) {
	t.Parallel()
	t.Run("nothing waits", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			_, _, err := f.Confirm(t.Context(), 0)
			says(t, err, "home: no change is awaiting confirmation")
			_, err = f.RevertPending(t.Context())
			says(t, err, "home: no change is awaiting confirmation")
			f.Ends()
		})
	})
	waiting := func(t *testing.T) *fakeFleet {
		f := newFleet(t, applied)
		for _, name := range []string{"node-1", "node-3"} {
			put(f.Nodes[name].Facts, pendingPath+"/txn", 0o600, []byte("abc"))
		}
		return f
	}
	t.Run("not proven, so not confirmed", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := waiting(t)
			f.Nodes["node-2"].Facts.Servers = nil
			_, proof, err := f.Confirm(t.Context(), 0)
			var not *verdict.ProofError
			if !errors.As(err, &not) || proof.OK() {
				t.Errorf("%T %v", err, err)
			}
			same(t, "asked", f.Log(), []string(nil))
			f.Ends()
		})
	})
	t.Run("proven again, and confirmed", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := waiting(t)
			nodes, proof, err := f.Confirm(t.Context(), 0)
			says(t, err, "")
			same(t, "nodes", nodes, []string{"node-1", "node-3"})
			same(t, "proven", proof.OK(), true)
			same(t, "asked", f.Times("node-1 confirm")+f.Times("node-2 confirm")+f.Times("node-3 confirm"), 2)
			same(t, "over a new connection", f.Dialed["node-1"], 2)
			f.Ends()
		})
	})
	t.Run("taken back, the last node first", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := waiting(t)
			nodes, err := f.RevertPending(t.Context())
			says(t, err, "")
			same(t, "nodes", nodes, []string{"node-1", "node-3"})
			same(t, "asked", f.Log(), []string{"node-3 revert", "node-1 revert"})
			same(t, "reason", fleettest.Asked[node.RevertRequest](f.Machines, "node-1 revert").Reason, "asked for by ann@desk, pid 7")
			same(t, "whichever waits", fleettest.Asked[node.RevertRequest](f.Machines, "node-1 revert").Txn, "")
			f.Ends()
		})
	})
}
