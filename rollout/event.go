package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Event is what people who watch are told of a step: when it begins, what it
// waits for, and when it is over. A step is known by its node and its name.
type Event struct {
	Node  string        // empty: the cluster
	Step  string        // what happens now
	Waits string        // what it waits for at the moment; the step is reported again when that changes
	Usual time.Duration // how long it takes, if all is well; 0: nobody knows
	Brief bool          // mostly too short to be told of
	Over  bool          // the step has ended, well or not
	Done  bool          // not a step: what has become of the node
}

func (r *Rollout) report(e Event) {
	if r.Report != nil {
		r.Report(e)
	}
}

// during reports a step while it lasts. The step may say what it waits for.
func (r *Rollout) during(e Event, do func(waits func(what string)) error) error {
	r.report(e)
	err := do(func(what string) {
		now := e
		now.Waits = what
		r.report(now)
	})
	e.Over = true
	r.report(e)
	return err
}

// step is during, for steps that have nothing to say.
func (r *Rollout) step(e Event, do func() error) error {
	return r.during(e, func(func(string)) error { return do() })
}

// silently is of a step that nobody is told of.
func silently(string) {}

// reportStop says why everything is taken back, before that takes its time.
func (r *Rollout) reportStop(cause error) {
	if len(r.armed) == 0 {
		return
	}
	why := "stopped: " + strings.ReplaceAll(cause.Error(), "\n", "; ")
	if errors.Is(cause, context.Canceled) {
		why = fmt.Sprintf("interrupted: what has changed is taken back; a second Ctrl-C leaves that to the nodes, which do it by themselves within %s", r.longestWindow())
	}
	r.report(Event{Step: why, Done: true})
}
