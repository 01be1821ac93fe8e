package rollout

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/verdict"
)

const bob = "bob@laptop, pid 9 since 2026-11-20T20:00:00Z"

// held is what a node answers while bob has its lock.
func held(_ context.Context, s remote.Script, say say) error {
	say("held", bob)
	return &remote.ScriptError{Host: "node", Script: s.Name, Code: 1}
}

// waitingFleet has a change on every node that was left to others.
func waitingFleet(t *testing.T) *fakeFleet {
	t.Helper()
	f := newFleet(t, applied)
	for _, n := range f.Nodes {
		put(n.Facts, pendingPath+"/txn", 0o600, []byte("abc"))
	}
	return f
}

// TestPendingOfOthers: the change of an operator who is at work is not for others, whether
// they can be told at once or only by the node that they ask.
func TestPendingOfOthers(t *testing.T) {
	t.Parallel()
	commands := map[string]func(ctx context.Context, f *fakeFleet) error{
		"confirm": func(ctx context.Context, f *fakeFleet) error { _, _, err := f.Confirm(ctx, 0); return err },
		"revert":  func(ctx context.Context, f *fakeFleet) error { _, err := f.RevertPending(ctx); return err },
		"forget":  func(ctx context.Context, f *fakeFleet) error { return f.Forget(ctx) },
	}
	for name, do := range commands {
		for _, step := range []string{"lock", name} {
			t.Run(name+", the node says so when it is asked to "+step, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					f := waitingFleet(t)
					f.Nodes["node-3"].On[step] = held
					err := do(t.Context(), f)
					says(t, err, "node-3: locked by "+bob)
					var locked *node.LockedError
					same(t, "is a LockedError", errors.As(err, &locked), true)
					if step == "lock" {
						same(t, "asked", f.Log(), []string(nil))
					}
					f.Ends()
				})
			})
		}
	}
}

// TestPendingUnderLock: whoever confirms or reverts the change of another one has the locks
// meanwhile, and gives them back.
func TestPendingUnderLock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := waitingFleet(t)
		locks := map[string]string{}
		for name, n := range f.Nodes {
			n.On["lock"] = func(_ context.Context, s remote.Script, say say) error {
				f.Locked(func() { locks[name] = nodetest.Token(s) })()
				say("locked")
				return nil
			}
			n.On["release"] = func(context.Context, remote.Script, say) error {
				f.Locked(func() { delete(locks, name) })()
				return nil
			}
			for _, step := range []string{"confirm", "revert", "forget"} {
				n.On[step] = func(_ context.Context, s remote.Script, say say) error {
					f.Locked(func() {
						if len(locks) != 3 || locks[name] == "" || nodetest.Token(s) != locks[name] {
							t.Errorf("%s: %s has the token %q; the locks are %v", name, s.Name, nodetest.Token(s), locks)
						}
					})()
					say("done")
					return nil
				}
			}
		}
		_, _, err := f.Confirm(t.Context(), 0)
		says(t, err, "")
		same(t, "locks", len(locks), 0)
		_, err = f.RevertPending(t.Context())
		says(t, err, "")
		same(t, "locks", len(locks), 0)
		says(t, f.Forget(t.Context()), "")
		same(t, "locks", len(locks), 0)
		f.Ends()
	})
}

// TestPlanOfOthers: whoever means to change something hears of another operator before
// anything else that is in the way; whoever only looks does so where there is a change
// that would tell of ways to end it.
func TestPlanOfOthers(t *testing.T) {
	for _, c := range []struct {
		name    string
		locked  []string
		waits   bool
		plan    string // Plan says
		changes string // PlanChange and PlanRollback
	}{
		{"nobody", nil, false, "", ""},
		{"bob", []string{"node-3", "node-2"}, false, "", "node-2: locked by " + bob},
		{"bob, and his change", []string{"node-2"}, true, "node-1: a change is awaiting confirmation: bob\nnode-2: locked by " + bob, "node-2: locked by " + bob},
		{"a change of nobody's", nil, true, "node-1: a change is awaiting confirmation: bob\nnode-2: a change is awaiting confirmation: bob", "node-1: a change is awaiting confirmation: bob\nnode-2: a change is awaiting confirmation: bob"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				for name, n := range f.Nodes {
					if slices.Contains(c.locked, name) {
						n.Facts.LockedBy = bob
					}
					if c.waits && name != "node-3" {
						put(n.Facts, pendingPath+"/txn", 0o600, []byte("abc"))
						put(n.Facts, pendingPath+"/about", 0o600, []byte("bob"))
					}
				}
				_, err := f.Plan(t.Context())
				says(t, err, c.plan)
				_, err = f.PlanChange(t.Context())
				says(t, err, c.changes)
				if c.changes != "" {
					_, err = f.PlanRemoval(t.Context())
					says(t, err, c.changes)
				}
				f.Ends()
			})
		})
	}
}

// TestApplyLockedOut: an operator who has lost its locks, and comes back while another one
// has them, leaves the nodes alone, and says what is true of them.
func TestApplyLockedOut(t *testing.T) {
	t.Parallel()
	const left = "node-2 could not be told (node-2: locked by " + bob + "): unless that operator confirms the change, it is taken back within 1m0s"
	for _, c := range []struct {
		step, says string
		summary    []string
		unchanged  bool
	}{
		{"transact", "node-2: locked by " + bob, []string{"every node is as before"}, true},
		{"activate", "node-2: locked by " + bob, []string{left}, false},
		{"precommit", "node-2: locked by " + bob, []string{left}, false},
		{"confirm", "node-2: locked by " + bob, []string{left}, false},
	} {
		t.Run(c.step, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.Change("node-2")
				f.Nodes["node-2"].On[c.step], f.Nodes["node-2"].On["revert"] = held, held
				_, err := f.Apply(t.Context(), f.planned(proven), Options{Window: time.Minute})
				says(t, err, c.says)
				var stopped *StoppedError
				if !errors.As(err, &stopped) {
					t.Fatalf("%T", err)
				}
				same(t, "summary", stopped.Summary(), c.summary)
				same(t, "unchanged", stopped.Unchanged(), c.unchanged)
				f.Ends()
			})
		})
	}
	t.Run("stage", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.Change("node-2")
			f.Nodes["node-2"].On["stage"] = held
			_, err := f.Apply(t.Context(), f.planned(proven), options)
			says(t, err, "node-2: locked by "+bob)
			same(t, "asked", f.Log(), []string{"node-2 stage"})
			f.Ends()
		})
	})
}

// TestApplyOvertaken: an operator whose change was confirmed, or taken back, by another one
// says that, and only that.
func TestApplyOvertaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says    string
		revert  step
		summary []string
	}{
		{"the change was confirmed meanwhile", func(_ context.Context, _ remote.Script, say say) error {
			say("confirmed")
			say("done")
			return nil
		}, []string{"changed and confirmed: node-2"}},
		{"the change was taken back, asked for by bob", func(_ context.Context, _ remote.Script, say say) error {
			say("done")
			return nil
		}, []string{"taken back, as before: node-2", "every node is as before"}},
	} {
		t.Run(c.says, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.Change("node-2")
				f.Nodes["node-2"].On["precommit"], f.Nodes["node-2"].On["revert"] = refuses(c.says), c.revert
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, "node-2: "+c.says)
				var stopped *StoppedError
				if !errors.As(err, &stopped) {
					t.Fatalf("%T", err)
				}
				same(t, "summary", stopped.Summary(), c.summary)
				f.Ends()
			})
		})
	}
}

// TestWaitLeavesLock: a change that is left to others comes without its operator's lock;
// what is left to do when they have confirmed is done under one.
func TestWaitLeavesLock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-2")
		locked := map[string]bool{}
		for name, n := range f.Nodes {
			n.On["lock"] = func(_ context.Context, _ remote.Script, say say) error {
				f.Locked(func() { locked[name] = true })()
				say("locked")
				return nil
			}
			n.On["release"] = func(context.Context, remote.Script, say) error {
				f.Locked(func() { delete(locked, name) })()
				return nil
			}
		}
		prove := func(ctx context.Context, nodes *fleet.Fleet, what fleet.Inspection, d time.Duration) (*verdict.Proof, error) {
			put(f.Nodes["node-2"].Facts, pendingPath+"/txn", 0o600, []byte("abc"))
			same(t, "locked while it is proven", len(locked), 3)
			time.AfterFunc(31*time.Second, f.Locked(func() { same(t, "locked while others decide", len(locked), 0) }))
			time.AfterFunc(61*time.Second, f.Locked(func() { delete(f.Nodes["node-2"].Facts.Files, pendingPath+"/txn") }))
			return proven(ctx, nodes, what, d)
		}
		_, err := f.Apply(t.Context(), f.planned(prove), Options{Window: time.Minute, Wait: true})
		says(t, err, "")
		same(t, "locked at the end", len(locked), 0)
		same(t, "token of its steps", fleettest.Asked[node.TransactRequest](f.Machines, "node-2 transact").Token != "", true)
		f.Ends()
	})
}

// TestLockAgain: the lock is taken again where another operator soon gives it back, or the
// error says who keeps it.
func TestLockAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		after time.Duration // until bob gives it back
		do    step          // what becomes of the lock then
		says  string
	}{
		{"at once", 0, nil, ""},
		{"soon", 10 * time.Second, nil, ""},
		{"not in time", time.Hour, nil, "node-1: locked by " + bob},
		{"no node answers", 0, fails(errGone), "node: connection lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				begin := time.Now()
				f.Nodes["node-1"].On["lock"] = func(ctx context.Context, s remote.Script, say say) error {
					switch {
					case time.Since(begin) < c.after:
						return held(ctx, s, say)
					case c.do != nil:
						return c.do(ctx, s, say)
					}
					say("locked")
					return nil
				}
				tx := &transaction{fleet: f.Rollout.Fleet, lock: &fleet.Lock{}}
				says(t, tx.lockAgain(t.Context()), c.says)
				same(t, "held", tx.lock.Held(), c.says == "")
				if c.says == "" {
					lock := tx.lock
					says(t, tx.lockAgain(t.Context()), "")
					same(t, "one lock", tx.lock == lock, true)
					tx.release(t.Context())
				}
				f.Ends()
			})
		})
	}
}
