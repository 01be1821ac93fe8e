package drill

import (
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/plan/plantest"
)

// What fleettest has, by the names that it has here.
type (
	say      = fleettest.Say
	fakeNode = fleettest.Node
)

const home = plantest.Home

var (
	parse, testdata, says, applied  = plantest.Parse, fleettest.TestData, fleettest.Says, fleettest.Applied
	all, put, address, record       = fleettest.All, plantest.Put, fleettest.Address, fleettest.Record
	refuses, fails, errGone, always = fleettest.Refuses, fleettest.Fails, fleettest.ErrLost, fleettest.Always
	inBubble, stranger, closed      = fleettest.InBubble, fleettest.Stranger, apiservertest.Closed
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
