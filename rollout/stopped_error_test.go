package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/verdict"
)

// TestApplyStops has one step fail on one node and looks at what is where.
func TestApplyStops(t *testing.T) {
	t.Parallel()
	lost := &remote.Error{Host: "node-2", Err: remote.ErrConnectionLost}
	broken := func(_ context.Context, _ remote.Script, say say) error {
		say("armed")
		say("broken", "/etc/x could not be written, and the way back did not work either:")
		return &remote.ScriptError{Host: "node-2", Script: "transact", Code: 1}
	}
	const all3 = "taken back, as before: "
	cases := []struct {
		name string
		step string // that node 2 fails
		do   step
		says string
		// what the nodes were asked after that, in order
		then    []string
		summary []string
		changed bool // the exit code says that something is
	}{
		{
			"refused before the first change", "transact", refuses("/etc/haproxy/haproxy.cfg has changed since the plan was made"),
			"node-2: /etc/haproxy/haproxy.cfg has changed since the plan was made",
			[]string{"node-1 revert", "node-1 await"}, []string{all3 + "node-1", "every node is as before"}, false,
		},
		{
			"nobody knows how far it came", "transact", fails(lost), "node-2: connection lost",
			[]string{"node-2 revert", "node-2 await", "node-1 revert", "node-1 await"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
		{
			"half way, and no way back", "transact", broken, "node-2: /etc/x could not be written, and the way back did not work either:",
			[]string{"node-2 revert", "node-2 await", "node-1 revert", "node-1 await"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
		{
			"the manifest", "manifest", refuses("/etc/kubernetes/manifests/kube-apiserver.yaml has changed since the plan was made"),
			"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml has changed since the plan was made",
			[]string{"node-2 revert", "node-2 await", "node-1 revert", "node-1 await"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
		{
			"the apiserver does not move", "await", refuses("the apiserver listens on *:6443, not on 10.1.1.2:6443, after 180 s"),
			"node-2: the apiserver listens on *:6443, not on 10.1.1.2:6443, after 180 s",
			[]string{"node-2 revert", "node-2 await", "node-1 revert", "node-1 await"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
		{
			"a daemon dies", "activate", refuses("haproxy died after it had started:\nemergency"), "node-2: haproxy died after it had started:\nemergency",
			[]string{"node-2 revert", "node-2 await", "node-1 revert", "node-1 await"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, freshOf)
				f.Nodes["node-2"].On[c.step] = c.do
				proof, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, c.says)
				same(t, "no proof", proof == nil, true)
				log := f.Log()
				for i, what := range log {
					if what == "node-2 "+c.step {
						same(t, "afterwards", log[i+1:], c.then)
						break
					}
				}
				same(t, "node 3", f.Times("node-3 transact"), 0)
				var stopped *StoppedError
				if !errors.As(err, &stopped) {
					t.Fatalf("%T", err)
				}
				same(t, "summary", stopped.Summary(), c.summary)
				same(t, "unchanged", stopped.Unchanged(), !c.changed)
				same(t, "the reason stays on the node", fleettest.Asked[node.RevertRequest](f.Machines, "node-1 revert").Reason, "the rollout stopped: "+strings.ReplaceAll(c.says, "\n", "; "))
				f.Ends()
			})
		})
	}
}

// TestApplyNotProven takes all nodes back, the last one first.
func TestApplyNotProven(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change()
		proof, err := f.Apply(t.Context(), f.planned(unproven), options)
		says(t, err, "not proven: node-2: haproxy sees its servers: 2 of 3 up")
		same(t, "the proof is there to be shown", len(proof.Checks), 1)
		log := f.Log()
		same(t, "taken back", log[len(log)-3:], []string{"node-1 revert", "node-3 revert", "node-2 revert"})
		same(t, "confirmed", f.Times("node-1 confirm"), 0)
		f.Ends()
	})
}

// TestApplyProofFails is when not even looking works.
func TestApplyProofFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-2")
		_, err := f.Apply(t.Context(), f.planned(func(context.Context, *fleet.Fleet, fleet.Inspection, time.Duration) (*verdict.Proof, error) {
			return nil, errors.New("node-3: cannot be asked")
		}), options)
		says(t, err, "node-3: cannot be asked")
		same(t, "taken back", f.Times("node-2 revert"), 1)
		f.Ends()
	})
}

// TestTakeBackFails says of each node what is true of it.
func TestRevertFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change()
		f.Nodes["node-1"].On["revert"] = refuses("another change is waiting: bob")
		f.Nodes["node-2"].On["revert"] = func(_ context.Context, _ remote.Script, say say) error {
			say("confirmed")
			say("done")
			return nil
		}
		_, err := f.Apply(t.Context(), f.planned(unproven), options)
		var stopped *StoppedError
		if !errors.As(err, &stopped) {
			t.Fatalf("%T", err)
		}
		same(t, "summary", stopped.Summary(), []string{
			"changed and confirmed: node-2", "taken back, as before: node-3",
			"node-1 could not be told (node-1: another change is waiting: bob): it takes the change back by itself within 1m0s",
		})
		same(t, "unchanged", stopped.Unchanged(), false)
		f.Ends()
	})
}

// TestTakeBackOverANewConnection is for nodes whose connection was lost.
func TestRevertOverANewConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-2", "node-3")
		cut := func(context.Context, *fleet.Fleet, fleet.Inspection, time.Duration) (*verdict.Proof, error) {
			for _, name := range []string{"node-2", "node-3"} {
				f.Rollout.Fleet.Connection(inventory.Node{Name: name}).(*fakeHost).Lose()
			}
			f.Locked(func() {
				f.Nodes["node-3"].Dial = func(int) error {
					return &remote.Error{Host: "node-3", Err: remote.ErrUnreachable}
				}
			})()
			return nil, errors.New("the link is cut")
		}
		_, err := f.Apply(t.Context(), f.planned(cut), options)
		var stopped *StoppedError
		if !errors.As(err, &stopped) {
			t.Fatalf("%T", err)
		}
		same(t, "summary", stopped.Summary(), []string{
			"taken back, as before: node-2", "node-3 could not be told (node-3: is not reachable): it takes the change back by itself within 1m0s",
		})
		same(t, "connections, and the one for its confirmation", f.Dialed["node-2"], 3)
		f.Ends()
	})
}

// TestStoppedError pins the words.
func TestStoppedError(t *testing.T) {
	t.Parallel()
	cause := errors.New("why")
	cases := []struct {
		e         StoppedError
		summary   []string
		unchanged bool
	}{
		{StoppedError{}, []string{"every node is as before"}, true},
		{StoppedError{Back: []string{"b", "a"}}, []string{"taken back, as before: b, a", "every node is as before"}, true},
		{
			StoppedError{Back: []string{"a"}, Changed: []string{"b", "c"}, Within: 90 * time.Second, Pending: map[string]error{"e": errors.New("y"), "d": errors.New("x")}},
			[]string{
				"changed and confirmed: b, c", "taken back, as before: a",
				"d could not be told (x): it takes the change back by itself within 1m30s", "e could not be told (y): it takes the change back by itself within 1m30s",
			},
			false,
		},
		{StoppedError{Changed: []string{"a"}}, []string{"changed and confirmed: a"}, false},
	}
	for _, c := range cases {
		c.e.Cause = cause
		says(t, &c.e, "why")
		same(t, "summary", c.e.Summary(), c.summary)
		same(t, "unchanged", c.e.Unchanged(), c.unchanged)
		same(t, "cause", errors.Is(&c.e, cause), true)
	}
}

// TestConfirmFails on some nodes, and on all.
func TestConfirmFails(t *testing.T) {
	t.Parallel()
	second := func(n int) error {
		if n == 2 {
			return &remote.Error{Host: "node", Err: remote.ErrUnreachable}
		}
		return nil
	}
	cases := []struct {
		name    string
		differ  func(f *fakeFleet)
		says    string
		summary []string
		back    int
	}{
		{
			"a node cannot be reached by a new connection", func(f *fakeFleet) { f.Nodes["node-2"].Dial = second }, "node: is not reachable",
			[]string{"taken back, as before: node-1, node-3, node-2", "every node is as before"}, 3,
		},
		{
			"a daemon died a moment later", func(f *fakeFleet) {
				f.Nodes["node-1"].On["precommit"] = refuses("haproxy exited soon after it had loaded its new configuration")
			}, "node-1: haproxy exited soon after it had loaded its new configuration",
			[]string{"taken back, as before: node-1, node-3, node-2", "every node is as before"}, 3,
		},
		{
			"a node has taken it back", func(f *fakeFleet) {
				f.Nodes["node-3"].On["confirm"] = refuses("no change is awaiting confirmation: it was taken back, timer")
			}, "node-3: no change is awaiting confirmation: it was taken back, timer",
			[]string{
				"changed and confirmed: node-1, node-2",
				"node-3 could not be told (node-3: no change is awaiting confirmation: it was taken back, timer): it takes the change back by itself within 1m0s",
			}, 0,
		},
		{
			"no node can be reached: all are taken back, over the old ones", func(f *fakeFleet) {
				for _, n := range f.Nodes {
					n.Dial = second
				}
			}, "node: is not reachable\nnode: is not reachable\nnode: is not reachable",
			[]string{"taken back, as before: node-1, node-3, node-2", "every node is as before"}, 3,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.Change()
				c.differ(f)
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, c.says)
				var stopped *StoppedError
				if !errors.As(err, &stopped) {
					t.Fatalf("%T", err)
				}
				same(t, "summary", stopped.Summary(), c.summary)
				same(t, "taken back", f.Times("node-1 revert")+f.Times("node-2 revert")+f.Times("node-3 revert"), c.back)
				f.Ends()
			})
		})
	}
}

// TestInterruptedTooLate confirms to the end: half a confirmation would leave
// nobody to say what is where.
func TestInterruptedTooLate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-2", "node-3")
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		f.Nodes["node-2"].On["confirm"] = func(ctx context.Context, _ remote.Script, say say) error {
			interrupt()
			if ctx.Err() == nil {
				say("done")
			}
			return ctx.Err()
		}
		if _, err := f.Apply(ctx, f.planned(proven), options); err != nil {
			t.Errorf("says %v", err)
		}
		same(t, "taken back", f.Times("node-2 revert")+f.Times("node-3 revert"), 0)
		f.Ends()
	})
}

// TestInterrupted takes back all that is armed, although the context is over,
// and holds the locks until then.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"transact", "activate", "proof"} {
		t.Run(at, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.Change("node-2", "node-3")
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				stop := func(ctx context.Context, _ remote.Script, _ say) error {
					interrupt()
					<-ctx.Done()
					return &remote.Error{Host: "node-3", Err: fmt.Errorf("interrupted during %s: %w", at, ctx.Err())}
				}
				var held, early atomic.Int32
				for _, n := range f.Nodes {
					n.On["lock"] = func(_ context.Context, _ remote.Script, say say) error {
						held.Add(1)
						say("locked")
						return nil
					}
					n.On["release"] = func(context.Context, remote.Script, say) error { held.Add(-1); return nil }
					n.On["revert"] = func(_ context.Context, _ remote.Script, say say) error {
						time.Sleep(time.Second)
						early.Store(3 - held.Load())
						say("done")
						return nil
					}
				}
				prove := proven
				switch at {
				case "proof":
					prove = func(ctx context.Context, _ *fleet.Fleet, _ fleet.Inspection, _ time.Duration) (*verdict.Proof, error) {
						interrupt()
						return nil, ctx.Err()
					}
				default:
					f.Nodes["node-3"].On[at] = stop
				}
				_, err := f.Apply(ctx, f.planned(prove), options)
				if !errors.Is(err, context.Canceled) {
					t.Errorf("says %v", err)
				}
				var stopped *StoppedError
				if !errors.As(err, &stopped) {
					t.Fatalf("%T", err)
				}
				same(t, "summary", stopped.Summary(), []string{"taken back, as before: node-3, node-2", "every node is as before"})
				same(t, "locks given up early", early.Load(), int32(0))
				same(t, "locks at the end", held.Load(), int32(0))
				f.Ends()
			})
		})
	}
}
