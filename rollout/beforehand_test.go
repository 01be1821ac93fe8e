package rollout

import (
	"errors"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/remote"
)

// TestRefuseSick: what would stop a rollout half way is known, and said, before it begins.
func TestRefuseSick(t *testing.T) {
	const etcd = "node-1: its apiserver is not restarted: etcd has 1 healthy members, fewer than the majority of 2; not healthy: [node-2 node-3]"
	for _, c := range []struct {
		name   string
		change func(f *fakeFleet)
		says   string
		took   time.Duration
	}{
		{"all is well", func(*fakeFleet) {}, "", 0},
		{"nothing is to be done", func(f *fakeFleet) {
			for _, n := range f.Rollout.Fleet.Cluster.Nodes {
				f.Nodes[n.Name].Facts = applied(t, f.Rollout, n)
			}
			f.Nodes["node-2"].Down.Store(true)
		}, "", 0},
		{"an apiserver is down", func(f *fakeFleet) { f.Nodes["node-2"].Down.Store(true) },
			"node-2: its apiserver is not ready, so no change could be proven: dial tcp 127.9.1.2:1: connect: connection refused", 16 * time.Second},
		{"two are not ready", func(f *fakeFleet) {
			f.Nodes["node-1"].Ready = func() int { return 500 }
			f.Nodes["node-3"].Ready = func() int { return 500 }
		}, "node-1: its apiserver is not ready, so no change could be proven: answers 500 Internal Server Error\n" +
			"node-3: its apiserver is not ready, so no change could be proven: answers 500 Internal Server Error", 16 * time.Second},
		{"etcd has no majority", func(f *fakeFleet) {
			f.Nodes["node-1"].EtcdHealth = `{"health":"true"}`
			f.Nodes["node-2"].EtcdHealth = `{"health":"false"}`
			f.Nodes["node-3"].EtcdHealth = `{"health":"false"}`
		}, etcd, 16 * time.Second},
		{"etcd has one", func(f *fakeFleet) {
			f.Nodes["node-1"].EtcdHealth = `{"health":"true"}`
			f.Nodes["node-2"].EtcdHealth = `{"health":"false"}`
			f.Nodes["node-3"].EtcdHealth = `{"health":"true"}`
		}, "", 0},
		{"no apiserver restarts, and etcd has no majority", func(f *fakeFleet) {
			for _, n := range f.Rollout.Fleet.Cluster.Nodes {
				f.Nodes[n.Name].Facts = applied(t, f.Rollout, n)
				f.Nodes[n.Name].EtcdHealth = `{"health":"false"}`
			}
			f.Change()
		}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, freshOf)
				c.change(f)
				p := f.planned(nil)
				began := time.Now()
				err := f.RefuseSick(t.Context(), p, othersPatience)
				says(t, err, c.says)
				var refused *refusal.Error
				if err != nil && (!errors.As(err, &refused) || len(refused.Hints()) == 0) {
					t.Errorf("no refusal with a hint: %v", err)
				}
				same(t, "took", time.Since(began).Round(time.Second), c.took.Round(time.Second))
				f.Ends()
			})
		})
	}
}

// TestPlanReached: who only looks sees the nodes that answer, and is told of every other
// one, for whatever reason it does not. Where no control-plane node answers, that is all.
func TestPlanReached(t *testing.T) {
	away := func(why error) func(int) error {
		return func(int) error { return &remote.Error{Host: "a node", Err: why} }
	}
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.Nodes["node-1"].Dial = away(remote.ErrAuth)
		f.Nodes["node-3"].Dial = away(remote.ErrUnreachable)
		p, err := f.PlanReached(t.Context())
		says(t, err, "")
		same(t, "planned", len(p.Nodes), 1)
		same(t, "left out", []string{p.Absent[0].Node.Name, p.Absent[1].Node.Name}, []string{"node-1", "node-3"})
		f.Nodes["node-2"].Dial = away(remote.ErrUnreachable)
		f = newFleet(t, freshOf)
		for _, n := range f.Nodes {
			n.Dial = away(remote.ErrUnreachable)
		}
		_, err = f.PlanReached(t.Context())
		says(t, err, "a node: is not reachable\na node: is not reachable\na node: is not reachable")
		f.Ends()
	})
}

// TestNotWithout: a node that is off takes its change back when it boots, so nobody
// confirms without it. A refused login is another matter.
func TestNotWithout(t *testing.T) {
	off := fleet.NodeErrors{"node-3": &remote.Error{Host: "node-3", Err: remote.ErrUnreachable}, "node-2": &remote.Error{Host: "node-2", Err: remote.ErrUnreachable}}
	var hinted interface{ Hint() string }
	if err := notWithout(off); !errors.As(err, &hinted) || !errors.Is(err, remote.ErrUnreachable) {
		t.Fatalf("%T", err)
	}
	same(t, "hint", hinted.Hint(), "a node that is off takes its change back when it boots, so the change cannot last on the others: turn node-2 and node-3 on first, or take the change back with `kplb rollback --allow-unreachable`")
	refused := fleet.NodeErrors{"node-3": &remote.Error{Host: "node-3", Err: remote.ErrAuth}}
	same(t, "a refused login", errors.As(notWithout(refused), &hinted), false)
	other := errors.New("locked")
	same(t, "another error", notWithout(other) == other, true) //nolint:errorlint // the very same
}
