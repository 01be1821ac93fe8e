package drill

import (
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/plan/plantest"
)

// What fleettest has, by the names that it has here.
type (
	say      = fleettest.Say
	fakeNode = fleettest.Node
)

var (
	says, applied           = fleettest.Says, fleettest.Applied
	put                     = plantest.Put
	refuses, fails, errGone = fleettest.Refuses, fleettest.Fails, fleettest.ErrLost
	inBubble                = fleettest.InBubble
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
