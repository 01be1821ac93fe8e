package fleet_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
)

// TestDuring: a step is told of when it begins, when it waits for something else,
// and when it is over, well or not.
func TestDuring(t *testing.T) {
	t.Parallel()
	var told []fleet.Event
	f := &fleet.Fleet{OnEvent: func(e fleet.Event) { told = append(told, e) }}
	step := fleet.Event{Node: "node-1", Step: "waiting", Usual: time.Second}
	full := errors.New("full")
	err := f.During(step, func(waits func(string)) error { waits("an address"); return full })
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	waits, over := step, step
	waits.Waits, over.Over = "an address", true
	fleettest.Same(t, "told", told, []fleet.Event{step, waits, over})
	fleettest.Says(t, (&fleet.Fleet{}).During(step, func(waits func(string)) error { waits("nobody"); return nil }), "")
}
