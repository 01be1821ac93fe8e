package fleettest

import (
	"slices"
	"strings"
	"sync"

	"github.com/kplb/kplb/fleet"
)

// Told is what people who watch are told.
type Told struct {
	mu     sync.Mutex
	events []fleet.Event
}

// Take is an OnEvent.
func (w *Told) Take(e fleet.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// AtWork are the steps that have begun, and are not over.
func (w *Told) AtWork() []string {
	var out []string
	for _, e := range w.events {
		key := e.Node + ": " + e.Step
		at := slices.Index(out, key)
		switch {
		case e.Done:
		case e.Over && at >= 0:
			out = slices.Delete(out, at, at+1)
		case !e.Over && at < 0:
			out = append(out, key)
		}
	}
	return out
}

// Of are the steps of a node that are no brief ones, in order.
func (w *Told) Of(node string) []string {
	var out []string
	for _, e := range w.events {
		if e.Node == node && !e.Brief && !e.Over {
			out = append(out, strings.TrimSuffix(e.Step+": "+e.Waits, ": "))
		}
	}
	return out
}
