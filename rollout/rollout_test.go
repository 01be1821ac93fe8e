package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// TestInspect names every node that cannot be asked, in order.
func TestInspect(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		unreachable := &remote.Error{Host: "node-1", Addr: "127.9.1.1:22", Err: remote.ErrUnreachable}
		f.Nodes["node-1"].Dial = func(int) error { return unreachable }
		f.Nodes["node-2"].On["inspect"] = func(_ context.Context, _ remote.Script, say say) error { say("files", "!"); return nil }
		f.Nodes["node-3"].On["inspect"] = func(_ context.Context, _ remote.Script, say say) error { say("arch", "x86_64"); return nil }
		_, err := f.Plan(t.Context())
		says(t, err, "node-1 (127.9.1.1:22): is not reachable\n"+
			"node-2: inspect: record files: field 0 of record files is not base64: illegal base64 data at input byte 0\n"+
			"node-3: inspect: the node's answer is cut short")
		same(t, "the cause is found", errors.Is(err, remote.ErrUnreachable), true)
		f.Ends()
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
		differ func(f *fakeFleet)
		says   string
	}{
		{"one is away", func(f *fakeFleet) { f.Nodes["node-1"].Dial = away(remote.ErrUnreachable) }, ""},
		{"one does not answer", func(f *fakeFleet) { f.Nodes["node-1"].Dial = away(remote.ErrTimeout) }, ""},
		{"its key has changed", func(f *fakeFleet) { f.Nodes["node-1"].Dial = away(remote.ErrHostKeyChanged) }, "a node: host key has changed"},
		{
			"two are away", func(f *fakeFleet) {
				f.Nodes["node-1"].Dial, f.Nodes["node-2"].Dial = away(remote.ErrUnreachable), away(remote.ErrUnreachable)
			}, "a node: is not reachable\na node: is not reachable\nonly 1 of 3 nodes can be reached, and 2 are needed",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				f.Rollout.Fleet.AllowUnreachable = true
				c.differ(f)
				p, err := f.Plan(t.Context())
				says(t, err, c.says)
				if err == nil {
					same(t, "nodes of the plan", []string{p.Nodes[0].Node.Name, p.Nodes[1].Node.Name}, []string{"node-2", "node-3"})
				}
				f.Ends()
			})
		})
	}
	t.Run("what is left out later is not remembered as the holder", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.Rollout.Fleet.AllowUnreachable = true
			if _, err := f.Rollout.Fleet.Inspect(t.Context(), fleet.Inspection{}); err != nil {
				t.Fatal(err)
			}
			f.Nodes["node-1"].On["inspect"] = fails(&remote.Error{Host: "node-1", Err: remote.ErrTimeout})
			f.Nodes["node-2"].Facts.Addresses = append(f.Nodes["node-2"].Facts.Addresses, address("eth0", "127.9.1.9/32"))
			facts, err := f.Rollout.Fleet.Inspect(t.Context(), fleet.Inspection{})
			says(t, err, "")
			same(t, "what is known of node-1", facts["node-1"] == nil, true)
			same(t, "node-2 holds the VIP", facts["node-2"].Holds(f.Rollout.Fleet.Cluster.VIP), true)
			f.Ends()
		})
	})
}

// TestRollbackOrder: haproxy stops before the apiserver listens on all addresses again.
func TestRollbackOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		haproxy string
		before  node.Unit
		want    []string
	}{
		{"it was not there", node.Unit{Active: "inactive", File: "disabled"}, []string{"transact", "activate", "manifest", "await"}},
		{"it served something else", node.Unit{Active: "active", File: "enabled"}, []string{"transact", "activate", "manifest", "await"}},
	} {
		t.Run(c.haproxy, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				for _, n := range f.Rollout.Fleet.Cluster.Nodes {
					before := fresh(t, f.Rollout.Fleet.Cluster, n)
					before.Units["haproxy.service"] = c.before
					f.Nodes[n.Name].Save("0", before)
				}
				p, err := f.PlanRemoval(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				f.prove = proven
				w := &fleettest.Told{}
				f.Rollout.Fleet.OnEvent = w.Take
				_, err = f.Apply(t.Context(), p, options)
				says(t, err, "")
				same(t, "what is said of it", w.Of("node-2"), []string{"restoring files", "haproxy and keepalived", "waiting for the apiserver on all addresses", "changed"})
				var got []string
				for _, what := range f.Log() {
					if step, ok := strings.CutPrefix(what, "node-2 "); ok && step != "stage" && step != "precommit" && step != "confirm" && step != "generations" {
						got = append(got, step)
					}
				}
				same(t, "steps", got, c.want)
				same(t, "haproxy is not looked for on the VIP", len(fleettest.Asked[node.ActivateRequest](f.Machines, "node-2 activate").HAProxyListens), 0)
				f.Ends()
			})
		})
	}
}

func TestForget(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Nodes["node-2"].On["forget"] = refuses("a change that is not confirmed yet is in place")
		says(t, f.Forget(t.Context()), "node-2: a change that is not confirmed yet is in place")
		same(t, "the others", f.Times("node-1 forget")+f.Times("node-3 forget"), 2)
		f.Ends()
	})
}
