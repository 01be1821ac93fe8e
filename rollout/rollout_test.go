package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

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
			holder, _ := checkHolder(f.Cluster.VIP, f.everyone(), facts)
			same(t, "holder", holder, "node-2")
			f.ends()
		})
	})
}

// TestBackward stops haproxy before the apiserver takes every address again.
func TestBackward(t *testing.T) {
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
				for _, n := range f.Cluster.Nodes {
					before := fresh(t, f.Cluster, n)
					before.Units["haproxy.service"] = c.before
					f.nodes[n.Name].save("0", before)
				}
				p, err := f.PlanBack(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				f.prover = proven
				_, err = f.Apply(t.Context(), p, options)
				says(t, err, "")
				var got []string
				for _, what := range f.log() {
					if step, ok := strings.CutPrefix(what, "node-2 "); ok && step != "stage" && step != "still" && step != "confirm" && step != "generations" {
						got = append(got, step)
					}
				}
				same(t, "steps", got, c.want)
				same(t, "haproxy is not looked for on the VIP", len(asked[node.ActivateRequest](f, "node-2 activate").HAProxyListens), 0)
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

// TestVerify looks every second until all is as it should be, or patience is
// over.
func TestVerify(t *testing.T) {
	t.Parallel()
	type verify func(f *fleet, ctx context.Context, patience time.Duration) (*Proof, error)
	proves := verify(func(f *fleet, ctx context.Context, d time.Duration) (*Proof, error) { return f.Verify(ctx, d) })
	gone := verify(func(f *fleet, ctx context.Context, d time.Duration) (*Proof, error) { return f.VerifyGone(ctx, d) })
	holds := func(f *fleet) {
		n := f.nodes["node-1"].facts
		n.Addresses = n.Addresses[:2]
	}
	cases := []struct {
		name   string
		verify verify
		before func(f *fleet)
		after  func(f *fleet) // 10 s
		want   time.Duration
		says   string
	}{
		{"at once", proves, nil, nil, 0, ""},
		{"after a while", proves, func(f *fleet) { f.vip.down.Store(true) }, func(f *fleet) { f.vip.down.Store(false) }, 10 * time.Second, ""},
		{
			"never", proves, func(f *fleet) { f.vip.down.Store(true) }, nil, 30 * time.Second,
			"not proven: /healthz on 127.9.1.9:1: dial tcp 127.9.1.9:1: connect: connection refused",
		},
		{"gone at once", gone, holds, nil, 0, ""},
		{"gone after a while", gone, nil, holds, 10 * time.Second, ""},
		{"never gone", gone, nil, nil, 30 * time.Second, "not proven: node-1: does not hold 127.9.1.9: it still does"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, applied)
				if c.before != nil {
					c.before(f)
				}
				if c.after != nil {
					time.AfterFunc(9750*time.Millisecond, f.locked(c.after))
				}
				begin := time.Now()
				proof, err := c.verify(f, t.Context(), 29750*time.Millisecond)
				says(t, err, "")
				same(t, "took", time.Since(begin), c.want)
				if !proof.OK() {
					err = &ProofError{proof}
				}
				says(t, err, c.says)
				f.ends()
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.vip.down.Store(true)
			ctx, cancel := context.WithTimeout(t.Context(), 2750*time.Millisecond)
			defer cancel()
			proof, err := f.Verify(ctx, time.Minute)
			says(t, err, "context deadline exceeded")
			same(t, "what was seen last is there", proof.OK(), false)
			f.ends()
		})
	})
	t.Run("a node is lost", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			f.nodes["node-2"].on["inspect"] = fails(errGone)
			_, err := f.Verify(t.Context(), time.Minute)
			says(t, err, "node: connection lost")
			f.ends()
		})
	})
	t.Run("what a plan has seen is not asked again", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFleet(t, applied)
			p := f.planned(nil)
			for _, n := range f.nodes {
				n.on["inspect"] = fails(errors.New("asked again"))
			}
			proof, err := f.Prove(t.Context(), p)
			says(t, err, "")
			same(t, "proven", proof.OK(), true)
			f.ends()
		})
	})
}
