package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Everything here runs in synctest's bubble: waiting takes no time, and a test
// fails if a goroutine is left.

func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// proven is a proof that comes true; it is the VIP's business in verify_test.
func proven(*Rollout, context.Context, time.Duration) (*Proof, error) {
	return &Proof{Checks: []Check{{What: "all", OK: true}}}, nil
}

func unproven(*Rollout, context.Context, time.Duration) (*Proof, error) {
	return &Proof{Checks: []Check{{Node: "node-2", What: "haproxy sees its servers", Detail: "2 of 3 up"}}}, nil
}

// planned is the fleet's plan, with a proof of the test's own.
func (f *fleet) planned(prove func(*Rollout, context.Context, time.Duration) (*Proof, error)) *Plan {
	f.t.Helper()
	p, err := f.Plan(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if prove != nil {
		p.prove = prove
	}
	return p
}

var options = Options{Window: time.Minute, Patience: time.Minute}

// change makes haproxy.cfg differ on these nodes; without any, on all.
func (f *fleet) change(names ...string) {
	for _, n := range f.Cluster.Nodes {
		if len(names) == 0 || strings.Contains(strings.Join(names, " "), n.Name) {
			f.nodes[n.Name].facts.edit(render.HAProxyPath, "leastconn", "roundrobin")
		}
	}
}

// ends fails the test unless all connections were closed.
func (f *fleet) ends() {
	f.t.Helper()
	f.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	same(f.t, "open connections", f.open, 0)
}

func TestApplyInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.nodes["node-1"].facts.Addresses = append(f.nodes["node-1"].facts.Addresses, address("eth0", "127.9.1.9/32"))
		proof, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "proven", proof.OK(), true)
		log := f.log()
		// all at once, in any order
		for _, what := range []string{"node-1 rehearse", "node-2 rehearse", "node-3 rehearse", "node-1 confirm", "node-2 confirm", "node-3 confirm"} {
			same(t, what, f.times(what), 1)
		}
		same(t, "one node after the other, the holder last", log[3:len(log)-3], []string{
			"node-2 transact", "node-2 manifest", "node-2 await", "node-2 activate",
			"node-3 transact", "node-3 manifest", "node-3 await", "node-3 activate",
			"node-1 transact", "node-1 manifest", "node-1 await", "node-1 activate",
		})
		for _, n := range f.Cluster.Nodes {
			same(t, "connections to "+n.Name+", one of them for the confirmation", f.dialed[n.Name], 2)
		}
		same(t, "windows, later apiservers wait for the earlier ones", []string{
			f.gave("node-1 transact", "KPLB_WINDOW"), f.gave("node-2 transact", "KPLB_WINDOW"), f.gave("node-3 transact", "KPLB_WINDOW"),
		}, []string{"109", "158", "207"})
		same(t, "about", f.gave("node-1 transact", "KPLB_ABOUT"), "ann@desk, pid 7, cluster home")
		same(t, "the way back knows the address", f.gave("node-1 transact", "KPLB_VIP"), "127.9.1.9/32 dev eth0")
		for _, n := range f.Cluster.Nodes {
			for _, step := range []string{"transact", "manifest", "activate", "confirm"} {
				same(t, step+" belongs to the change", f.gave(n.Name+" "+step, "KPLB_TXN"), f.txn)
			}
			same(t, "the fence", f.gave(n.Name+" transact", "KPLB_TOKEN"), f.gave(n.Name+" hold", "KPLB_TOKEN"))
		}
		f.ends()
	})
}

// TestApplyOnlyWhatDiffers leaves the other nodes alone.
func TestApplyOnlyWhatDiffers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change("node-3")
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "asked", f.log(), []string{"node-3 rehearse", "node-3 transact", "node-3 activate", "node-3 confirm"})
		same(t, "haproxy", f.gave("node-3 activate", "KPLB_HAPROXY"), "reload")
		same(t, "keepalived", f.gave("node-3 activate", "KPLB_KEEPALIVED"), "")
		same(t, "window", f.gave("node-3 transact", "KPLB_WINDOW"), "60")
		f.ends()
	})
}

func TestApplyNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		for _, o := range []Options{options, {Window: time.Minute, Wait: true}} {
			_, err := f.Apply(t.Context(), f.planned(proven), o)
			says(t, err, "")
			same(t, "asked", f.log(), []string(nil))
		}
		f.ends()
	})
}

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
			[]string{"node-1 back"}, []string{all3 + "node-1", "every node is as before"}, false,
		},
		{
			"nobody knows how far it came", "transact", fails(lost), "node-2: connection lost",
			[]string{"node-2 back", "node-1 back"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
		{
			"half way, and no way back", "transact", broken, "node-2: /etc/x could not be written, and the way back did not work either:",
			[]string{"node-2 back", "node-1 back"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
		{
			"the manifest", "manifest", refuses("/etc/kubernetes/manifests/kube-apiserver.yaml has changed since the plan was made"),
			"node-2: /etc/kubernetes/manifests/kube-apiserver.yaml has changed since the plan was made",
			[]string{"node-2 back", "node-1 back"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
		{
			"the apiserver does not move", "await", refuses("the apiserver listens on *:6443, not on 10.1.1.2:6443, after 180 s"),
			"node-2: the apiserver listens on *:6443, not on 10.1.1.2:6443, after 180 s",
			[]string{"node-2 back", "node-1 back"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
		{
			"a daemon dies", "activate", refuses("haproxy died after it had started:\nemergency"), "node-2: haproxy died after it had started:\nemergency",
			[]string{"node-2 back", "node-1 back"}, []string{all3 + "node-2, node-1", "every node is as before"}, false,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, freshOf)
				f.nodes["node-2"].on[c.step] = c.do
				proof, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, c.says)
				same(t, "no proof", proof == nil, true)
				log := f.log()
				for i, what := range log {
					if what == "node-2 "+c.step {
						same(t, "afterwards", log[i+1:], c.then)
						break
					}
				}
				same(t, "node 3", f.times("node-3 transact"), 0)
				var stopped *StoppedError
				if !errors.As(err, &stopped) {
					t.Fatalf("%T", err)
				}
				same(t, "summary", stopped.Summary(), c.summary)
				same(t, "unchanged", stopped.Unchanged(), !c.changed)
				same(t, "the reason stays on the node", f.gave("node-1 back", "KPLB_REASON"), "the rollout stopped: "+strings.ReplaceAll(c.says, "\n", "; "))
				f.ends()
			})
		})
	}
}

// TestApplyNotProven takes all nodes back, the last one first.
func TestApplyNotProven(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change()
		proof, err := f.Apply(t.Context(), f.planned(unproven), options)
		says(t, err, "not proven: node-2: haproxy sees its servers: 2 of 3 up")
		same(t, "the proof is there to be shown", len(proof.Checks), 1)
		log := f.log()
		same(t, "taken back", log[len(log)-3:], []string{"node-1 back", "node-3 back", "node-2 back"})
		same(t, "confirmed", f.times("node-1 confirm"), 0)
		f.ends()
	})
}

// TestApplyProofFails is when not even looking works.
func TestApplyProofFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change("node-2")
		_, err := f.Apply(t.Context(), f.planned(func(*Rollout, context.Context, time.Duration) (*Proof, error) {
			return nil, errors.New("node-3: cannot be asked")
		}), options)
		says(t, err, "node-3: cannot be asked")
		same(t, "taken back", f.times("node-2 back"), 1)
		f.ends()
	})
}

// TestTakeBackFails says of each node what is true of it.
func TestTakeBackFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change()
		f.nodes["node-1"].on["back"] = refuses("another change is waiting: bob")
		f.nodes["node-2"].on["back"] = func(_ context.Context, _ remote.Script, say say) error {
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
		f.ends()
	})
}

// TestTakeBackOverANewConnection is for nodes whose connection was lost.
func TestTakeBackOverANewConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change("node-2", "node-3")
		cut := func(*Rollout, context.Context, time.Duration) (*Proof, error) {
			for _, name := range []string{"node-2", "node-3"} {
				f.hosts[name].(*fakeHost).lose()
			}
			f.nodes["node-3"].dial = func(int) error {
				return &remote.Error{Host: "node-3", Err: remote.ErrUnreachable}
			}
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
		same(t, "connections", f.dialed["node-2"], 2)
		f.ends()
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

// TestRehearsalFails changes nothing anywhere.
func TestRehearsalFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.nodes["node-3"].on["rehearse"] = refuses("haproxy does not take its file: unknown keyword")
		f.nodes["node-1"].on["rehearse"] = refuses("/etc/sysctl.d/90-kplb.conf cannot be written: Read-only file system")
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "node-1: /etc/sysctl.d/90-kplb.conf cannot be written: Read-only file system\nnode-3: haproxy does not take its file: unknown keyword")
		var stopped *StoppedError
		same(t, "a StoppedError", errors.As(err, &stopped), false)
		same(t, "asked", len(f.log()), 3)
		f.ends()
	})
}

// TestApplyWaitsForOthers restarts no apiserver while another is not ready.
func TestApplyWaitsForOthers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.nodes["node-3"].ready = func() int { return 500 }
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "node-1: its apiserver is not restarted while the one of node-3 is not ready: answers 500 Internal Server Error")
		var stopped *StoppedError
		if !errors.As(err, &stopped) || !stopped.Unchanged() {
			t.Errorf("%T %v", err, err)
		}
		same(t, "the first node", f.times("node-1 transact"), 0)
		f.ends()
	})
}

// TestApiserverNeverReady gives it three minutes.
func TestApiserverNeverReady(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		n := f.nodes["node-1"]
		n.on["await"] = func(_ context.Context, _ remote.Script, say say) error {
			n.down.Store(true)
			say("done")
			return nil
		}
		n.on["back"] = func(_ context.Context, _ remote.Script, say say) error {
			n.down.Store(false)
			say("done")
			return nil
		}
		begin := time.Now()
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "node-1: the apiserver is not ready after 3m0s: dial tcp 127.9.1.1:1: connect: connection refused")
		if took := time.Since(begin); took < 3*time.Minute || took > 4*time.Minute {
			t.Errorf("took %s", took)
		}
		var stopped *StoppedError
		if !errors.As(err, &stopped) {
			t.Fatalf("%T", err)
		}
		same(t, "summary", stopped.Summary(), []string{"taken back, as before: node-1", "every node is as before"})
		same(t, "renewed meanwhile", f.gave("node-1 renew", "KPLB_TXN"), f.txn)
		f.ends()
	})
}

// TestRenew keeps the nodes that are changed from taking it back, and no
// other.
func TestRenew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change("node-2", "node-3")
		var renewed [4]atomic.Int32
		for i, name := range []string{"", "node-1", "node-2", "node-3"} {
			if i > 0 {
				f.nodes[name].on["renew"] = func(context.Context, remote.Script, say) error { renewed[i].Add(1); return nil }
			}
		}
		slow := func(_ context.Context, _ remote.Script, say say) error {
			time.Sleep(61 * time.Second)
			say("done")
			return nil
		}
		f.nodes["node-2"].on["activate"], f.nodes["node-3"].on["activate"] = slow, slow
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		// four times in each minute's window; node 3 is armed for the second minute only
		same(t, "renewals", []int32{renewed[1].Load(), renewed[2].Load(), renewed[3].Load()}, []int32{0, 8, 4})
		f.ends()
	})
}

// TestRenewIsOverWhenApplyReturns: nothing of it connects afterwards.
func TestRenewIsOverWhenApplyReturns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change("node-2")
		var working atomic.Bool
		f.nodes["node-2"].on["renew"] = func(ctx context.Context, _ remote.Script, _ say) error {
			working.Store(true)
			defer working.Store(false)
			<-ctx.Done()
			time.Sleep(time.Second)
			return ctx.Err()
		}
		f.nodes["node-2"].on["activate"] = func(_ context.Context, _ remote.Script, say say) error {
			time.Sleep(16 * time.Second)
			say("done")
			return nil
		}
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "still renewing", working.Load(), false)
		f.ends()
	})
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
		differ  func(f *fleet)
		says    string
		summary []string
		back    int
	}{
		{
			"a node cannot be reached by a new connection", func(f *fleet) { f.nodes["node-2"].dial = second }, "node: is not reachable",
			[]string{
				"changed and confirmed: node-1, node-3",
				"node-2 could not be told (node: is not reachable): it takes the change back by itself within 3m27s",
			}, 0,
		},
		{
			"a node has taken it back", func(f *fleet) {
				f.nodes["node-3"].on["confirm"] = refuses("nothing is waiting to be confirmed: it was taken back, timer")
			}, "node-3: nothing is waiting to be confirmed: it was taken back, timer",
			[]string{
				"changed and confirmed: node-1, node-2",
				"node-3 could not be told (node-3: nothing is waiting to be confirmed: it was taken back, timer): it takes the change back by itself within 3m27s",
			}, 0,
		},
		{
			"no node can be reached: all are taken back, over the old ones", func(f *fleet) {
				for _, n := range f.nodes {
					n.dial = second
				}
			}, "node: is not reachable\nnode: is not reachable\nnode: is not reachable",
			[]string{"taken back, as before: node-1, node-3, node-2", "every node is as before"}, 3,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.change()
				c.differ(f)
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, c.says)
				var stopped *StoppedError
				if !errors.As(err, &stopped) {
					t.Fatalf("%T", err)
				}
				same(t, "summary", stopped.Summary(), c.summary)
				same(t, "taken back", f.times("node-1 back")+f.times("node-2 back")+f.times("node-3 back"), c.back)
				f.ends()
			})
		})
	}
}

// TestInterrupted takes back all that is armed, although the context is over,
// and holds the locks until then.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"transact", "activate", "proof", "confirm"} {
		t.Run(at, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.change("node-2", "node-3")
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				stop := func(ctx context.Context, _ remote.Script, _ say) error {
					interrupt()
					<-ctx.Done()
					return &remote.Error{Host: "node-3", Err: fmt.Errorf("interrupted during %s: %w", at, ctx.Err())}
				}
				var held, early atomic.Int32
				for _, n := range f.nodes {
					n.on["hold"] = func(ctx context.Context, _ remote.Script, say say) error {
						held.Add(1)
						say("locked")
						<-ctx.Done()
						held.Add(-1)
						return ctx.Err()
					}
					n.on["back"] = func(_ context.Context, _ remote.Script, say say) error {
						time.Sleep(time.Second)
						early.Store(3 - held.Load())
						say("done")
						return nil
					}
				}
				prove := proven
				switch at {
				case "proof":
					prove = func(r *Rollout, ctx context.Context, _ time.Duration) (*Proof, error) {
						interrupt()
						return nil, ctx.Err()
					}
				case "confirm":
					f.nodes["node-2"].on["confirm"], f.nodes["node-3"].on["confirm"] = stop, stop
				default:
					f.nodes["node-3"].on[at] = stop
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
				f.ends()
			})
		})
	}
}

// TestWait leaves the confirmation to a person.
func TestWait(t *testing.T) {
	t.Parallel()
	waits := func(n *fakeNode) {
		n.facts.put(pendingPath+"/txn", 0o600, []byte("abc"))
	}
	confirmed := func(n *fakeNode) { delete(n.facts.Files, pendingPath+"/txn") }
	restored := func(n *fakeNode) {
		delete(n.facts.Files, pendingPath+"/txn")
		n.facts.put(basePath+"/restored", 0o600, []byte("reason=timer\n"))
	}
	cases := []struct {
		name    string
		after   func(f *fleet) // a minute
		says    string
		summary []string
	}{
		{"confirmed by somebody", func(f *fleet) { confirmed(f.nodes["node-2"]); confirmed(f.nodes["node-3"]) }, "", nil},
		{
			"nobody does", func(f *fleet) { restored(f.nodes["node-2"]); restored(f.nodes["node-3"]) }, "not confirmed",
			[]string{"taken back, as before: node-2, node-3", "every node is as before"},
		},
		{
			"half and half", func(f *fleet) { confirmed(f.nodes["node-2"]); restored(f.nodes["node-3"]) }, "not confirmed",
			[]string{"changed and confirmed: node-2", "taken back, as before: node-3"},
		},
		{
			"over a new connection, where the old one was lost", func(f *fleet) {
				f.hosts["node-3"].(*fakeHost).gone = true
				confirmed(f.nodes["node-2"])
				confirmed(f.nodes["node-3"])
			}, "", nil,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.change("node-2", "node-3")
				begin := time.Now()
				prove := func(r *Rollout, ctx context.Context, d time.Duration) (*Proof, error) {
					waits(f.nodes["node-2"])
					waits(f.nodes["node-3"])
					time.AfterFunc(61*time.Second, f.locked(c.after)) // nobody looks at the nodes in odd seconds
					return proven(r, ctx, d)
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
				same(t, "asked to confirm or to go back", f.times("node-2 confirm")+f.times("node-2 back"), 0)
				f.ends()
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.change("node-2")
			ctx, interrupt := context.WithCancel(t.Context())
			prove := func(r *Rollout, ctx context.Context, d time.Duration) (*Proof, error) {
				waits(f.nodes["node-2"])
				time.AfterFunc(5*time.Second, interrupt)
				return proven(r, ctx, d)
			}
			_, err := f.Apply(ctx, f.planned(prove), Options{Window: time.Minute, Wait: true})
			says(t, err, "context canceled")
			same(t, "asked", f.log(), []string{"node-2 rehearse", "node-2 transact", "node-2 activate", "node-2 back"})
			f.ends()
		})
	})
}

// TestPackages are fetched everywhere before they are installed anywhere, and
// the plan is made anew with what was installed.
func TestPackages(t *testing.T) {
	t.Parallel()
	lacking := func(t *testing.T) *fleet {
		f := newFleet(t, applied)
		for _, name := range []string{"node-1", "node-3"} {
			n := f.nodes[name]
			n.facts.HAProxy = Package{}
			n.on["packages"] = func(_ context.Context, s remote.Script, say say) error {
				if s.Vars["KPLB_CHECK"] == "" {
					n.facts.HAProxy = Package{true, render.Version{Major: 3, Minor: 0, Patch: 1}}
				}
				say("done")
				return nil
			}
		}
		return f
	}
	t.Run("all goes well", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := lacking(t)
			p := f.planned(nil)
			f.nodes["node-2"].on["transact"] = fails(errors.New("not this one"))
			same(t, "consequence", p.of("node-3").Consequences()[0], "packages installed: haproxy")
			_, err := f.installPackages(t.Context(), p)
			says(t, err, "")
			same(t, "asked", f.times("node-1 packages")+f.times("node-3 packages"), 4)
			same(t, "names", f.gave("node-3 packages", "KPLB_PACKAGES"), "haproxy")
			same(t, "node 2", f.times("node-2 packages"), 0)
			p, err = f.installPackages(t.Context(), f.planned(nil))
			says(t, err, "")
			same(t, "nothing is missing any more", len(p.of("node-3").Packages), 0)
			f.ends()
		})
	})
	t.Run("one cannot fetch", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := lacking(t)
			f.nodes["node-3"].on["packages"] = refuses("apt-get install haproxy: E: Unable to locate package haproxy")
			_, err := f.Apply(t.Context(), f.planned(proven), options)
			says(t, err, "node-3: apt-get install haproxy: E: Unable to locate package haproxy")
			same(t, "installed anywhere", f.nodes["node-1"].facts.HAProxy.Installed, false)
			f.ends()
		})
	})
	t.Run("one cannot install", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := lacking(t)
			f.nodes["node-3"].on["packages"] = func(ctx context.Context, s remote.Script, say say) error {
				if s.Vars["KPLB_CHECK"] == "1" {
					say("done")
					return nil
				}
				say("touched")
				return refuses("apt-get install haproxy: E: dpkg was interrupted")(ctx, s, say)
			}
			_, err := f.Apply(t.Context(), f.planned(proven), options)
			says(t, err, "after installing packages, which stay: node-3: apt-get install haproxy: E: dpkg was interrupted")
			f.ends()
		})
	})
}

// TestLocked says who holds a lock, and gives up those that it has.
func TestLocked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.change()
		slices.Reverse(f.Cluster.Nodes) // the order of names counts, not that of the inventory
		var order []string
		free := map[string]bool{}
		for name, n := range f.nodes {
			n.on["hold"] = func(ctx context.Context, s remote.Script, say say) error {
				f.mu.Lock()
				order = append(order, name)
				f.mu.Unlock()
				if name == "node-3" {
					say("held", "bob@laptop, pid 9 since 2026-11-20T20:00:00Z")
					return &remote.ScriptError{Host: name, Script: s.Name, Code: 1}
				}
				say("locked")
				<-ctx.Done()
				f.mu.Lock()
				free[name] = true
				f.mu.Unlock()
				return ctx.Err()
			}
		}
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "node-3: locked by bob@laptop, pid 9 since 2026-11-20T20:00:00Z")
		var locked *LockedError
		if !errors.As(err, &locked) {
			t.Fatalf("%T", err)
		}
		same(t, "hint", locked.Hint(), "wait until it is done; if nobody is at work any more, `kplb unlock` takes the lock away")
		same(t, "order", order, []string{"node-1", "node-2", "node-3"})
		same(t, "given up", free, map[string]bool{"node-1": true, "node-2": true})
		same(t, "asked", f.log(), []string(nil))
		says(t, &LockedError{Node: "node-1"}, "node-1: locked by another operator")
		f.ends()
	})
}

// TestLockFails in the ways in which a node, honest or not, can answer.
func TestLockFails(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		hold step
		says string
	}{
		{"refused", refuses("the lock cannot be written to /run"), "node-2: the lock cannot be written to /run"},
		{"the connection is lost", fails(errGone), "node: connection lost"},
		{"it ends without a word", fails(nil), "node-2: the lock was not taken: hold.sh ended without a word"},
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
				f.nodes["node-2"].on["hold"] = c.hold
				_, err := f.Apply(t.Context(), f.planned(proven), options)
				says(t, err, c.says)
				f.ends()
			})
		})
	}
	t.Run("interrupted while it waits", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.nodes["node-2"].on["hold"] = func(ctx context.Context, _ remote.Script, _ say) error { <-ctx.Done(); return ctx.Err() }
			p := f.planned(proven)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := f.Apply(ctx, p, options)
			says(t, err, "context deadline exceeded")
			f.ends()
		})
	})
	t.Run("locked nine times over", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.nodes["node-2"].on["hold"] = func(ctx context.Context, _ remote.Script, say say) error {
				for range 9 {
					say("locked")
				}
				<-ctx.Done()
				return ctx.Err()
			}
			_, err := f.Apply(t.Context(), f.planned(proven), options)
			says(t, err, "")
			f.ends()
		})
	})
}

func TestUnlock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.nodes["node-2"].on["unlock"] = func(_ context.Context, _ remote.Script, say say) error {
			say("taken", "bob@laptop since 2026")
			say("done")
			return nil
		}
		owners, err := f.Unlock(t.Context())
		says(t, err, "")
		same(t, "owners", owners, map[string]string{"node-2": "bob@laptop since 2026"})
		f.ends()
	})
}

// TestInspect names every node that cannot be asked, in order.
func TestInspect(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		unreachable := &remote.Error{Host: "node-1", Addr: "127.9.1.1:22", Err: remote.ErrUnreachable}
		f.nodes["node-1"].dial = func(int) error { return unreachable }
		f.nodes["node-2"].on["inspect"] = func(_ context.Context, _ remote.Script, say say) error { say("files", "!"); return nil }
		f.nodes["node-3"].on["inspect"] = func(_ context.Context, _ remote.Script, say say) error { say("arch", "x86_64"); return nil }
		_, err := f.Plan(t.Context())
		says(t, err, "node-1 (127.9.1.1:22): is not reachable\n"+
			"node-2: inspect: record files: field 0 of record files is not base64: illegal base64 data at input byte 0\n"+
			"node-3: inspect: the node's answer is cut short")
		same(t, "the cause is found", errors.Is(err, remote.ErrUnreachable), true)
		f.ends()
	})
}

// TestAllowUnreachable leaves a node out, unless the rest is no majority.
func TestAllowUnreachable(t *testing.T) {
	t.Parallel()
	away := func(why error) func(int) error {
		return func(int) error { return &remote.Error{Host: "a node", Err: why} }
	}
	cases := []struct {
		name   string
		differ func(f *fleet)
		says   string
	}{
		{"one is away", func(f *fleet) { f.nodes["node-1"].dial = away(remote.ErrUnreachable) }, ""},
		{"one does not answer", func(f *fleet) { f.nodes["node-1"].dial = away(remote.ErrTimeout) }, ""},
		{"its key has changed", func(f *fleet) { f.nodes["node-1"].dial = away(remote.ErrHostKeyChanged) }, "a node: host key has changed"},
		{
			"two are away", func(f *fleet) {
				f.nodes["node-1"].dial, f.nodes["node-2"].dial = away(remote.ErrUnreachable), away(remote.ErrUnreachable)
			}, "a node: is not reachable\na node: is not reachable\nonly 1 of 3 nodes can be reached, and 2 are needed",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.AllowUnreachable = true
				c.differ(f)
				p, err := f.Plan(t.Context())
				says(t, err, c.says)
				if err == nil {
					same(t, "nodes of the plan", []string{p.Nodes[0].Node.Name, p.Nodes[1].Node.Name}, []string{"node-2", "node-3"})
				}
				f.ends()
			})
		})
	}
	t.Run("what is left out later is not remembered as the holder", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.AllowUnreachable = true
			if _, err := f.Inspect(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.nodes["node-1"].on["inspect"] = fails(&remote.Error{Host: "node-1", Err: remote.ErrTimeout})
			f.nodes["node-2"].facts.Addresses = append(f.nodes["node-2"].facts.Addresses, address("eth0", "127.9.1.9/32"))
			facts, err := f.Inspect(t.Context())
			says(t, err, "")
			holder, _ := checkHolder(f.Cluster, facts)
			same(t, "holder", holder, "node-2")
			f.ends()
		})
	})
}

// TestConfirmAndTakeBack are what a person does with a change that waits.
func TestConfirmAndTakeBack(t *testing.T) {
	t.Parallel()
	t.Run("nothing waits", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			_, _, err := f.Confirm(t.Context(), 0)
			says(t, err, "home: no change waits to be confirmed")
			_, err = f.TakeBack(t.Context())
			says(t, err, "home: no change waits to be confirmed")
			f.ends()
		})
	})
	waiting := func(t *testing.T) *fleet {
		f := newFleet(t, applied)
		for _, name := range []string{"node-1", "node-3"} {
			f.nodes[name].facts.put(pendingPath+"/txn", 0o600, []byte("abc"))
		}
		return f
	}
	t.Run("not proven, so not confirmed", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := waiting(t)
			f.nodes["node-2"].facts.Servers = nil
			_, proof, err := f.Confirm(t.Context(), 0)
			var not *ProofError
			if !errors.As(err, &not) || proof.OK() {
				t.Errorf("%T %v", err, err)
			}
			same(t, "asked", f.log(), []string(nil))
			f.ends()
		})
	})
	t.Run("taken back, the last node first", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := waiting(t)
			nodes, err := f.TakeBack(t.Context())
			says(t, err, "")
			same(t, "nodes", nodes, []string{"node-1", "node-3"})
			same(t, "asked", f.log(), []string{"node-3 back", "node-1 back"})
			same(t, "reason", f.gave("node-1 back", "KPLB_REASON"), "asked for by ann@desk, pid 7")
			same(t, "whichever waits", f.gave("node-1 back", "KPLB_TXN"), "")
			f.ends()
		})
	})
}

// TestBackward stops haproxy before the apiserver takes every address again.
func TestBackward(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		haproxy string
		before  Unit
		want    []string
	}{
		{"it was not there", Unit{Active: "inactive", File: "disabled"}, []string{"transact", "activate", "manifest", "await"}},
		{"it served something else", Unit{Active: "active", File: "enabled"}, []string{"transact", "activate", "manifest", "await"}},
	} {
		t.Run(c.haproxy, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				for _, n := range f.Cluster.Nodes {
					before := fresh(t, f.Cluster, n)
					before.Units["haproxy.service"] = c.before
					f.nodes[n.Name].save("0", before)
				}
				p, err := f.PlanBack(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				p.prove = proven
				_, err = f.Apply(t.Context(), p, options)
				says(t, err, "")
				var got []string
				for _, what := range f.log() {
					if step, ok := strings.CutPrefix(what, "node-2 "); ok && step != "rehearse" && step != "confirm" && step != "generations" {
						got = append(got, step)
					}
				}
				same(t, "steps", got, c.want)
				same(t, "haproxy is not looked for on the VIP", f.gave("node-2 activate", "KPLB_VIP"), "")
				f.ends()
			})
		})
	}
}

func TestForget(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.nodes["node-2"].on["forget"] = refuses("a change that is not confirmed yet is in place")
		says(t, f.Forget(t.Context()), "node-2: a change that is not confirmed yet is in place")
		same(t, "the others", f.times("node-1 forget")+f.times("node-3 forget"), 2)
		f.ends()
	})
}
