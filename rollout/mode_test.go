package rollout

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/status"
	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

// modes are the fields of a Rollout that could change what its methods do. What
// was read of the nodes, and the connections to them, are none.
func modes(r *Rollout) map[string]string {
	out := map[string]string{}
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		switch field := v.Type().Field(i); field.Type.Kind() {
		case reflect.Bool, reflect.String, reflect.Slice, reflect.Int64:
			out[field.Name] = fmt.Sprint(v.Field(i))
		}
	}
	return out
}

// saveFresh gives every node a generation 0: what was there before kplb.
func (f *fakeFleet) saveFresh() {
	f.T.Helper()
	for _, n := range f.Rollout.Fleet.Cluster.Nodes {
		f.Nodes[n.Name].Save("0", fresh(f.T, f.Rollout.Fleet.Cluster, n))
	}
}

// TestReadingChangesNoMode: what only reads leaves a Rollout as it was, so that
// what comes after it means the same with and without it.
func TestReadingChangesNoMode(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	fleettest.Plug(f.Machines)
	for _, n := range f.Nodes { // the apiservers refuse anonymous requests, and HAProxy knows
		edit(n.Facts, "/etc/haproxy/haproxy.cfg", "http-check expect status 200\n", "http-check expect status 200,401\n")
	}
	before := modes(f.Rollout)
	if _, err := status.Look(t.Context(), f.Rollout.Fleet, f.NodePlanner(t.Context())); err != nil {
		t.Fatal(err)
	}
	same(t, "after a status", modes(f.Rollout), before)
	if _, err := verify.Installed(t.Context(), f.Rollout.Fleet, fleet.Inspection{}, 0); err != nil {
		t.Fatal(err)
	}
	same(t, "after a verification", modes(f.Rollout), before)
	if _, err := verify.Audit(t.Context(), f.Rollout.Fleet, 0, verify.Depth{Tries: verify.DefaultTries}, f.Planner(t.Context())); err != nil {
		t.Fatal(err)
	}
	same(t, "after an audit", modes(f.Rollout), before)
}

// TestChangingChangesNoMode: nor does what plans and changes.
func TestChangingChangesNoMode(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := four(t)
		f.Rollout.Fleet.Cluster.Nodes = f.Rollout.Fleet.Cluster.Nodes[:3]
		f.prove = proven
		before := modes(f.Rollout)
		p, err := f.Plan(t.Context())
		says(t, err, "")
		same(t, "after a plan by which a node leaves", modes(f.Rollout), before)
		_, err = f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "after an apply", modes(f.Rollout), before)
		for _, n := range f.Rollout.Fleet.Cluster.Nodes { // they have forgotten node-4
			f.Nodes[n.Name].Facts = applied(t, f.Rollout, n)
		}
		f.saveFresh()
		_, err = f.PlanRemoval(t.Context())
		says(t, err, "")
		same(t, "after the plan of a rollback", modes(f.Rollout), before)
		f.Ends()
	})
}

// TestProofAsksAsThePlan: the nodes are asked for what the inventory does not manage in
// the proof of a change that restores a node, and only there.
func TestProofAsksAsThePlan(t *testing.T) {
	for _, c := range []struct {
		name      string
		of        func(*testing.T) *fakeFleet
		plan      func(context.Context, *fakeFleet) (*plan.Plan, error)
		unmanaged bool
	}{
		{"an apply", func(t *testing.T) *fakeFleet { f := newFleet(t, applied); f.Change(); return f }, func(ctx context.Context, f *fakeFleet) (*plan.Plan, error) { return f.Plan(ctx) }, false},
		{"a node leaves", func(t *testing.T) *fakeFleet {
			f := four(t)
			f.Rollout.Fleet.Cluster.Nodes = f.Rollout.Fleet.Cluster.Nodes[:3]
			return f
		}, func(ctx context.Context, f *fakeFleet) (*plan.Plan, error) { return f.Plan(ctx) }, true},
		{"a rollback", func(t *testing.T) *fakeFleet {
			f := newFleet(t, applied)
			f.saveFresh()
			return f
		}, func(ctx context.Context, f *fakeFleet) (*plan.Plan, error) { return f.PlanRemoval(ctx) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := c.of(t)
				p, err := c.plan(t.Context(), f)
				says(t, err, "")
				var asked []fleet.Inspection
				f.prove = func(ctx context.Context, nodes *fleet.Fleet, what fleet.Inspection, d time.Duration) (*verdict.Proof, error) {
					asked = append(asked, what)
					return proven(ctx, nodes, what, d)
				}
				_, err = f.Apply(t.Context(), p, options)
				says(t, err, "")
				same(t, "asked", asked, []fleet.Inspection{{Unmanaged: c.unmanaged}})
				f.Ends()
			})
		})
	}
}

// TestOnlyRollbackAsksForUnmanaged: what the plan of a rollback asks, no plan after it does.
func TestOnlyRollbackAsksForUnmanaged(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	f.saveFresh()
	kubeconfigs := func() bool {
		return fleettest.Asked[node.InspectRequest](f.Machines, "node-1 inspect").Kubeconfigs
	}
	_, err := f.PlanRemoval(t.Context())
	says(t, err, "")
	same(t, "a rollback asks for kubeconfigs", kubeconfigs(), true)
	_, err = f.Plan(t.Context())
	says(t, err, "")
	same(t, "a plan after it", kubeconfigs(), false)
}

// TestOnlyAuditAsksForMore: what an Audit asks the nodes, nobody asks after it.
func TestOnlyAuditAsksForMore(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	fleettest.Plug(f.Machines)
	if _, err := verify.Audit(t.Context(), f.Rollout.Fleet, 0, verify.Depth{Tries: verify.DefaultTries}, f.Planner(t.Context())); err != nil {
		t.Fatal(err)
	}
	same(t, "an audit asks for sysctls", fleettest.Asked[node.InspectRequest](f.Machines, "node-1 inspect").Sysctls, true)
	if _, err := f.Rollout.Fleet.Inspect(t.Context(), fleet.Inspection{}); err != nil {
		t.Fatal(err)
	}
	same(t, "an inspection after it", fleettest.Asked[node.InspectRequest](f.Machines, "node-1 inspect").Sysctls, false)
}
