package rollout

import (
	"errors"
	"testing"
	"time"

	"github.com/kplb/kplb/plan"
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
				var refused *plan.RefusedError
				if err != nil && (!errors.As(err, &refused) || len(refused.Hints()) == 0) {
					t.Errorf("no refusal with a hint: %v", err)
				}
				same(t, "took", time.Since(began).Round(time.Second), c.took.Round(time.Second))
				f.Ends()
			})
		})
	}
}
