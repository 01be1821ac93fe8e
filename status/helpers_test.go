package status

import (
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/plan/plantest"
)

// What fleettest has, by the names that it has here.
type (
	say = fleettest.Say
)

const home = plantest.Home

var planner = fleettest.Planner

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
