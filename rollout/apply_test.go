package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/plan"
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
var proven = func(*Rollout, context.Context, time.Duration) (*Proof, error) {
	return &Proof{Checks: []Check{{What: "all", OK: true}}}, nil
}

var unproven = func(*Rollout, context.Context, time.Duration) (*Proof, error) {
	return &Proof{Checks: []Check{{Node: "node-2", What: "haproxy sees its servers", Detail: "2 of 3 up"}}}, nil
}

// planned is the fleet's plan, with a proof of the test's own.
func (f *fleet) planned(prove func(*Rollout, context.Context, time.Duration) (*Proof, error)) *plan.Plan {
	f.t.Helper()
	p, err := f.Plan(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if prove != nil {
		f.prover = prove
	}
	return p
}

var options = Options{Window: time.Minute, Patience: time.Minute}

// change makes haproxy.cfg differ on these nodes; without any, on all.
func (f *fleet) change(names ...string) {
	for _, n := range f.Cluster.Nodes {
		if len(names) == 0 || strings.Contains(strings.Join(names, " "), n.Name) {
			edit(f.nodes[n.Name].facts, render.HAProxyPath, "leastconn", "roundrobin")
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
		for _, what := range []string{"node-1 stage", "node-2 stage", "node-3 stage", "node-1 still", "node-2 still", "node-3 still", "node-1 confirm", "node-2 confirm", "node-3 confirm"} {
			same(t, what, f.times(what), 1)
		}
		same(t, "one node after the other, the holder last", log[3:len(log)-6], []string{
			"node-2 transact", "node-2 manifest", "node-2 await", "node-2 activate",
			"node-3 transact", "node-3 manifest", "node-3 await", "node-3 activate",
			"node-1 transact", "node-1 manifest", "node-1 await", "node-1 activate",
		})
		for _, n := range f.Cluster.Nodes {
			same(t, "connections to "+n.Name+", one of them for the confirmation", f.dialed[n.Name], 2)
		}
		same(t, "windows, later apiservers wait for the earlier ones", []time.Duration{
			asked[node.StageRequest](f, "node-1 stage").Window, asked[node.StageRequest](f, "node-2 stage").Window, asked[node.StageRequest](f, "node-3 stage").Window,
		}, []time.Duration{80 * time.Second, 100 * time.Second, 120 * time.Second})
		same(t, "about", asked[node.StageRequest](f, "node-1 stage").About, "ann@desk, pid 7, cluster home")
		staged := asked[node.StageRequest](f, "node-1 stage")
		same(t, "the way back knows the address", fmt.Sprint(staged.VIPs, " ", staged.Interface), "[127.9.1.9] eth0")
		for _, n := range f.Cluster.Nodes {
			same(t, "what belongs to the change", []string{
				asked[node.TransactRequest](f, n.Name+" transact").Txn, asked[node.ManifestRequest](f, n.Name+" manifest").Txn,
				asked[node.ActivateRequest](f, n.Name+" activate").Txn, asked[node.ConfirmRequest](f, n.Name+" confirm").Txn,
			}, []string{f.txn, f.txn, f.txn, f.txn})
			same(t, "the fence", asked[node.TransactRequest](f, n.Name+" transact").Token, asked[node.LockRequest](f, n.Name+" lock").Token)
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
		same(t, "asked", f.log(), []string{"node-3 stage", "node-3 transact", "node-3 activate", "node-3 still", "node-3 confirm"})
		same(t, "haproxy", asked[node.ActivateRequest](f, "node-3 activate").HAProxy, node.Reload)
		same(t, "keepalived", asked[node.ActivateRequest](f, "node-3 activate").Keepalived, node.Leave)
		same(t, "window", asked[node.StageRequest](f, "node-3 stage").Window, time.Minute)
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

// TestRehearsalFails changes nothing anywhere.
func TestRehearsalFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.nodes["node-3"].on["stage"] = refuses("haproxy does not take its file: unknown keyword")
		f.nodes["node-1"].on["stage"] = refuses("/etc/sysctl.d/90-kplb.conf cannot be written: Read-only file system")
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

// TestApplyWaitsOutAHesitation goes on when the other apiserver is ready again.
func TestApplyWaitsOutAHesitation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		well := time.Now().Add(5 * time.Second)
		f.nodes["node-3"].ready = func() int {
			if time.Now().Before(well) {
				return 500
			}
			return 200
		}
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "the first node", f.times("node-1 transact"), 1)
		f.ends()
	})
}

// TestApiserverNeverReady gives it three minutes.
func TestApiserverNeverReady(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		n := f.nodes["node-1"]
		n.on["await"] = func(_ context.Context, s remote.Script, say say) error {
			n.down.Store(!nodetest.As[node.AwaitRequest](s).Listen.Addr().IsUnspecified()) // as before, it works
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
		same(t, "renewed meanwhile", asked[nodetest.RenewRequest](f, "node-1 renew").Txn, f.txn)
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

// TestPackages are fetched everywhere before they are installed anywhere, and
// the plan is made anew with what was installed.
func TestPackages(t *testing.T) {
	t.Parallel()
	lacking := func(t *testing.T) *fleet {
		f := newFleet(t, applied)
		for _, name := range []string{"node-1", "node-3"} {
			n := f.nodes[name]
			n.facts.HAProxy = node.Package{}
			n.on["packages"] = func(_ context.Context, s remote.Script, say say) error {
				if !nodetest.As[node.PackagesRequest](s).FetchOnly {
					n.facts.HAProxy = node.Package{Installed: true, Version: render.Version{Major: 3, Minor: 0, Patch: 1}}
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
			same(t, "consequence", of(p, "node-3").Consequences()[0], "packages installed: haproxy")
			_, err := f.installPackages(t.Context(), p)
			says(t, err, "")
			same(t, "asked", f.times("node-1 packages")+f.times("node-3 packages"), 4)
			same(t, "names", asked[node.PackagesRequest](f, "node-3 packages").Names, []string{"haproxy"})
			same(t, "node 2", f.times("node-2 packages"), 0)
			p, err = f.installPackages(t.Context(), f.planned(nil))
			says(t, err, "")
			same(t, "nothing is missing any more", len(of(p, "node-3").Packages), 0)
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
				if nodetest.As[node.PackagesRequest](s).FetchOnly {
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
