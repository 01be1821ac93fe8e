package status

import (
	"context"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// What fleettest has, by the names that it has here.
type (
	say = fleettest.Say
)

const home = plantest.Home

var (
	parse, says, same       = plantest.Parse, fleettest.Says, fleettest.Same
	applied, all, put, edit = fleettest.Applied, fleettest.All, plantest.Put, plantest.Edit
	set, errGone, inBubble  = plantest.Set, fleettest.ErrLost, fleettest.InBubble
	authority               = fleettest.Authority
)

// fakeFleet is a fleet of stand-in machines.
type fakeFleet struct {
	*fleet.Fleet
	*fleettest.Machines
}

// newFleet has machines with the facts that of makes.
func newFleet(t testing.TB, of fleettest.Make) *fakeFleet {
	t.Helper()
	m := fleettest.New(t, of)
	return &fakeFleet{m.Fleet, m}
}

func fleetOf(t testing.TB, text string) *fleet.Fleet {
	t.Helper()
	return &fleet.Fleet{Cluster: parse(t, text)}
}

// planner plans as a rollout does that asks no apiserver.
func planner(f *fleet.Fleet) Planner {
	return func(_ context.Context, facts map[string]*node.Facts) func(context.Context, inventory.Node) (plan.NodePlan, error) {
		set, err := render.Parse(templates.Builtin(), nil)
		in := plan.Input{Cluster: f.Cluster, Templates: set, Nodes: f.Everyone(), Facts: facts, ExpectedStatus: "200", Now: time.Now()}
		return func(_ context.Context, n inventory.Node) (plan.NodePlan, error) {
			if err != nil {
				return plan.NodePlan{}, err
			}
			return plan.MakeNode(in, n)
		}
	}
}
