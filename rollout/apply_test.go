package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// proven is a proof that comes true; it is the VIP's business in verify_test.
var proven prover = func(context.Context, *fleet.Fleet, fleet.Inspection, time.Duration) (*verdict.Proof, error) {
	return &verdict.Proof{Checks: []verdict.Check{{What: "all", OK: true}}}, nil
}

var unproven prover = func(context.Context, *fleet.Fleet, fleet.Inspection, time.Duration) (*verdict.Proof, error) {
	return &verdict.Proof{Checks: []verdict.Check{{Node: "node-2", What: "haproxy sees its servers", Detail: "2 of 3 up"}}}, nil
}

// planned is the fleet's plan, with a proof of the test's own.
func (f *fakeFleet) planned(prove prover) *plan.Plan {
	f.T.Helper()
	p, err := f.Plan(f.T.Context())
	if err != nil {
		f.T.Fatal(err)
	}
	if prove != nil {
		f.prove = prove
	}
	return p
}

var options = Options{Window: time.Minute, Patience: time.Minute}

func TestApplyInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.Nodes["node-1"].Facts.Addresses = append(f.Nodes["node-1"].Facts.Addresses, address("eth0", "127.9.1.9/32"))
		proof, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "proven", proof.OK(), true)
		log := f.Log()
		// all at once, in any order
		for _, what := range []string{"node-1 stage", "node-2 stage", "node-3 stage", "node-1 precommit", "node-2 precommit", "node-3 precommit", "node-1 confirm", "node-2 confirm", "node-3 confirm"} {
			same(t, what, f.Times(what), 1)
		}
		same(t, "one node after the other, the holder last", log[3:len(log)-6], []string{
			"node-2 transact", "node-2 manifest", "node-2 await", "node-2 activate",
			"node-3 transact", "node-3 manifest", "node-3 await", "node-3 activate",
			"node-1 transact", "node-1 manifest", "node-1 await", "node-1 activate",
		})
		for _, n := range f.Rollout.Fleet.Cluster.Nodes {
			same(t, "connections to "+n.Name+", one of them for the confirmation", f.Dialed[n.Name], 2)
		}
		same(t, "windows, later apiservers wait for the earlier ones", []time.Duration{
			fleettest.Asked[node.StageRequest](f.Machines, "node-1 stage").Window, fleettest.Asked[node.StageRequest](f.Machines, "node-2 stage").Window, fleettest.Asked[node.StageRequest](f.Machines, "node-3 stage").Window,
		}, []time.Duration{80 * time.Second, 100 * time.Second, 120 * time.Second})
		same(t, "about", fleettest.Asked[node.StageRequest](f.Machines, "node-1 stage").About, "ann@desk, pid 7, cluster home")
		staged := fleettest.Asked[node.StageRequest](f.Machines, "node-1 stage")
		same(t, "the way back knows the address", fmt.Sprint(staged.VIPs, " ", staged.Interface), "[127.9.1.9] eth0")
		for _, n := range f.Rollout.Fleet.Cluster.Nodes {
			same(t, "what belongs to the change", []string{
				fleettest.Asked[node.TransactRequest](f.Machines, n.Name+" transact").Txn, fleettest.Asked[node.ManifestRequest](f.Machines, n.Name+" manifest").Txn,
				fleettest.Asked[node.ActivateRequest](f.Machines, n.Name+" activate").Txn, fleettest.Asked[node.ConfirmRequest](f.Machines, n.Name+" confirm").Txn,
			}, []string{staged.Txn, staged.Txn, staged.Txn, staged.Txn})
			same(t, "the fence", fleettest.Asked[node.TransactRequest](f.Machines, n.Name+" transact").Token, fleettest.Asked[node.LockRequest](f.Machines, n.Name+" lock").Token)
		}
		f.Ends()
	})
}

// TestApplyOnlyWhatDiffers leaves the other nodes alone.
func TestApplyOnlyWhatDiffers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-3")
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		log := f.Log()
		slices.Sort(log[5:])
		same(t, "asked", log, []string{"node-3 stage", "node-3 transact", "node-3 activate", "node-3 precommit", "node-3 confirm", "node-1 level", "node-2 level"})
		staged, leveled := fleettest.Asked[node.StageRequest](f.Machines, "node-3 stage"), fleettest.Asked[node.LevelRequest](f.Machines, "node-1 level")
		same(t, "one generation of the cluster", leveled, node.LevelRequest{
			Txn: staged.Txn, Token: staged.Token, About: staged.About, Number: 2, Record: staged.Record, Paths: f.Nodes["node-1"].Facts.ManagedPaths(), Keep: 10,
		})
		same(t, "haproxy", fleettest.Asked[node.ActivateRequest](f.Machines, "node-3 activate").HAProxy, node.Reload)
		same(t, "keepalived", fleettest.Asked[node.ActivateRequest](f.Machines, "node-3 activate").Keepalived, node.Leave)
		same(t, "window", fleettest.Asked[node.StageRequest](f.Machines, "node-3 stage").Window, time.Minute)
		f.Ends()
	})
}

func TestApplyNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		for _, o := range []Options{options, {Window: time.Minute, Wait: true}} {
			_, err := f.Apply(t.Context(), f.planned(proven), o)
			says(t, err, "")
			same(t, "asked", f.Log(), []string(nil))
		}
		f.Ends()
	})
}

// TestRehearsalFails changes nothing anywhere.
func TestRehearsalFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.Nodes["node-3"].On["stage"] = refuses("haproxy rejects its new configuration: unknown keyword")
		f.Nodes["node-1"].On["stage"] = refuses("/etc/sysctl.d/90-kplb.conf cannot be written: Read-only file system")
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "node-1: /etc/sysctl.d/90-kplb.conf cannot be written: Read-only file system\nnode-3: haproxy rejects its new configuration: unknown keyword")
		var stopped *StoppedError
		same(t, "a StoppedError", errors.As(err, &stopped), false)
		same(t, "asked", len(f.Log()), 3)
		f.Ends()
	})
}

// TestApplyWaitsForOthers restarts no apiserver while another is not ready.
func TestApplyWaitsForOthers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.Nodes["node-3"].Ready = func() int { return 500 }
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "node-1: its apiserver is not restarted while the one of node-3 is not ready: answers 500 Internal Server Error")
		var stopped *StoppedError
		if !errors.As(err, &stopped) || !stopped.Unchanged() {
			t.Errorf("%T %v", err, err)
		}
		same(t, "the first node", f.Times("node-1 transact"), 0)
		f.Ends()
	})
}

// TestApplyWaitsOutAHesitation goes on when the other apiserver is ready again.
func TestApplyWaitsOutAHesitation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		well := time.Now().Add(5 * time.Second)
		f.Nodes["node-3"].Ready = func() int {
			if time.Now().Before(well) {
				return 500
			}
			return 200
		}
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "the first node", f.Times("node-1 transact"), 1)
		f.Ends()
	})
}

// TestApiserverNeverReady gives it three minutes.
func TestApiserverNeverReady(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		n := f.Nodes["node-1"]
		n.On["await"] = func(_ context.Context, s remote.Script, say say) error {
			n.Down.Store(!nodetest.As[node.AwaitRequest](s).Listen.Addr().IsUnspecified()) // as before, it works
			say("done")
			return nil
		}
		n.On["revert"] = func(_ context.Context, _ remote.Script, say say) error {
			n.Down.Store(false)
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
		same(t, "renewed meanwhile", fleettest.Asked[nodetest.RenewRequest](f.Machines, "node-1 renew").Txn, fleettest.Asked[node.StageRequest](f.Machines, "node-1 stage").Txn)
		f.Ends()
	})
}

// TestRenew keeps the nodes that are changed from taking it back, and no
// other.
func TestRenew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-2", "node-3")
		var renewed [4]atomic.Int32
		for i, name := range []string{"", "node-1", "node-2", "node-3"} {
			if i > 0 {
				f.Nodes[name].On["renew"] = func(context.Context, remote.Script, say) error { renewed[i].Add(1); return nil }
			}
		}
		slow := func(_ context.Context, _ remote.Script, say say) error {
			time.Sleep(61 * time.Second)
			say("done")
			return nil
		}
		f.Nodes["node-2"].On["activate"], f.Nodes["node-3"].On["activate"] = slow, slow
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		// four times in each minute's window; node 3 is armed for the second minute only
		same(t, "renewals", []int32{renewed[1].Load(), renewed[2].Load(), renewed[3].Load()}, []int32{0, 8, 4})
		f.Ends()
	})
}

// TestRenewIsOverWhenApplyReturns: nothing of it connects afterwards.
func TestRenewIsOverWhenApplyReturns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-2")
		var working atomic.Bool
		f.Nodes["node-2"].On["renew"] = func(ctx context.Context, _ remote.Script, _ say) error {
			working.Store(true)
			defer working.Store(false)
			<-ctx.Done()
			time.Sleep(time.Second)
			return ctx.Err()
		}
		f.Nodes["node-2"].On["activate"] = func(_ context.Context, _ remote.Script, say say) error {
			time.Sleep(16 * time.Second)
			say("done")
			return nil
		}
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "still renewing", working.Load(), false)
		f.Ends()
	})
}

// TestPackages are fetched everywhere before they are installed anywhere, and
// the plan is made anew with what was installed.
func TestPackages(t *testing.T) {
	t.Parallel()
	lacking := func(t *testing.T) *fakeFleet {
		f := newFleet(t, applied)
		for _, name := range []string{"node-1", "node-3"} {
			n := f.Nodes[name]
			n.Facts.HAProxy = node.Package{}
			n.On["packages"] = func(_ context.Context, s remote.Script, say say) error {
				if !nodetest.As[node.PackagesRequest](s).FetchOnly {
					n.Facts.HAProxy = node.Package{Installed: true, Version: render.Version{Major: 3, Minor: 0, Patch: 1}}
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
			f.Nodes["node-2"].On["transact"] = fails(errors.New("not this one"))
			same(t, "consequence", of(p, "node-3").Consequences()[0], "packages installed: haproxy")
			_, err := f.installPackages(t.Context(), p, &fleet.Lock{})
			says(t, err, "")
			same(t, "asked", f.Times("node-1 packages")+f.Times("node-3 packages"), 4)
			same(t, "names", fleettest.Asked[node.PackagesRequest](f.Machines, "node-3 packages").Names, []string{"haproxy"})
			same(t, "node 2", f.Times("node-2 packages"), 0)
			p, err = f.installPackages(t.Context(), f.planned(nil), &fleet.Lock{})
			says(t, err, "")
			same(t, "nothing is missing any more", len(of(p, "node-3").Packages), 0)
			f.Ends()
		})
	})
	t.Run("one cannot fetch", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := lacking(t)
			f.Nodes["node-3"].On["packages"] = refuses("apt-get install haproxy: E: Unable to locate package haproxy")
			_, err := f.Apply(t.Context(), f.planned(proven), options)
			says(t, err, "node-3: apt-get install haproxy: E: Unable to locate package haproxy")
			same(t, "installed anywhere", f.Nodes["node-1"].Facts.HAProxy.Installed, false)
			f.Ends()
		})
	})
	t.Run("one cannot install", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := lacking(t)
			f.Nodes["node-3"].On["packages"] = func(ctx context.Context, s remote.Script, say say) error {
				if nodetest.As[node.PackagesRequest](s).FetchOnly {
					say("done")
					return nil
				}
				say("touched")
				return refuses("apt-get install haproxy: E: dpkg was interrupted")(ctx, s, say)
			}
			_, err := f.Apply(t.Context(), f.planned(proven), options)
			says(t, err, "after installing packages (they stay installed): node-3: apt-get install haproxy: E: dpkg was interrupted")
			f.Ends()
		})
	})
}
