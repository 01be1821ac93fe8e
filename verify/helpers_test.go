package verify

import (
	"testing"

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
	way      = fleettest.Way
)

const home = plantest.Home

var planner = fleettest.Planner

var (
	parse, says, same                      = plantest.Parse, fleettest.Says, fleettest.Same
	debian, fresh, applied, all            = plantest.Debian, plantest.Fresh, fleettest.Applied, fleettest.All
	put, edit, set, address                = plantest.Put, plantest.Edit, plantest.Set, fleettest.Address
	listener, authority, stranger          = fleettest.Listener, fleettest.Authority, fleettest.Stranger
	farAhead, apiserverAt, closed, respond = apiservertest.FarAhead, apiservertest.Serve, apiservertest.Closed, apiservertest.Respond
	says200                                = apiservertest.OK
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

// planned is what an apply would do on a node.
func planned(t *testing.T, f *fleet.Fleet, facts map[string]*node.Facts, n inventory.Node) plan.NodePlan {
	t.Helper()
	p, err := planner(f)(facts)(n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
