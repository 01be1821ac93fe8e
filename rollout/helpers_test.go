package rollout

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/plan/plantest"
)

// What fleettest has, by the names that it has here.
type (
	say      = fleettest.Say
	step     = fleettest.Step
	fakeNode = fleettest.Node
	fakeHost = fleettest.Host
	way      = fleettest.Way
)

const home = plantest.Home

var (
	parse, builtin, says    = plantest.Parse, fleettest.Builtin, fleettest.Says
	debian, fresh           = plantest.Debian, plantest.Fresh
	put, edit               = plantest.Put, plantest.Edit
	kubeconfigFor, pemOf    = plantest.Kubeconfig, plantest.PEM
	address                 = fleettest.Address
	refuses, fails, errGone = fleettest.Refuses, fleettest.Fails, fleettest.ErrLost
	always, inBubble        = fleettest.Always, fleettest.InBubble
	authority               = fleettest.Authority
	farAhead                = apiservertest.FarAhead
)

// What kplb keeps on a node.
const (
	basePath    = "/var/lib/kplb"
	pendingPath = basePath + "/pending"
)

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	fleettest.Same(t, what, got, want, cmp.AllowUnexported(plan.NodePlan{}))
}

// fakeFleet is a rollout on stand-in machines.
type fakeFleet struct {
	*Rollout
	*fleettest.Machines
}

// newFleet has machines with the facts that of makes.
func newFleet(t testing.TB, of func(testing.TB, *Rollout, inventory.Node) *node.Facts) *fakeFleet {
	t.Helper()
	m := fleettest.New(t, func(t testing.TB, c *inventory.Cluster, n inventory.Node) *node.Facts {
		t.Helper()
		return of(t, &Rollout{Fleet: &fleet.Fleet{Cluster: c}}, n)
	})
	return &fakeFleet{&Rollout{Fleet: m.Fleet, Templates: builtin(t)}, m}
}

func rolloutOf(t testing.TB, text string) *Rollout {
	t.Helper()
	return &Rollout{Fleet: &fleet.Fleet{Cluster: parse(t, text)}, Templates: builtin(t)}
}

// applied is a node on which there is nothing to do.
func applied(t testing.TB, r *Rollout, n inventory.Node) *node.Facts {
	t.Helper()
	return fleettest.AppliedWith(t, r.Fleet.Cluster, n, r.Secrets)
}

func freshOf(t testing.TB, r *Rollout, n inventory.Node) *node.Facts {
	t.Helper()
	return fresh(t, r.Fleet.Cluster, n)
}

// all makes the facts of every node.
func all(t testing.TB, r *Rollout, of func(testing.TB, *Rollout, inventory.Node) *node.Facts) map[string]*node.Facts {
	t.Helper()
	return fleettest.All(t, r.Fleet.Cluster, func(t testing.TB, _ *inventory.Cluster, n inventory.Node) *node.Facts {
		t.Helper()
		return of(t, r, n)
	})
}

var apiserverAt, respond, says200 = apiservertest.Serve, apiservertest.Respond, apiservertest.OK

// PlanRemoval is the way to generation 0.
func (f *fakeFleet) PlanRemoval(ctx context.Context) (*plan.Plan, error) {
	_, p, err := f.PlanRollback(ctx, 0)
	return p, err
}
