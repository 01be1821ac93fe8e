package fleet

import "time"

// Event is the progress of a step: it begins, it waits for something, or it is over. Node
// and Step identify the step.
type Event struct {
	Node  string        // empty: the cluster
	Step  string        // what happens now
	Waits string        // what it waits for at the moment; the step is reported again when that changes
	Usual time.Duration // how long the step usually takes; 0: not known
	Brief bool          // usually too short to be shown
	Over  bool          // the step has ended, with or without an error
	Done  bool          // not a step, but the final state of the node
}

// Report passes an event to OnEvent.
func (f *Fleet) Report(e Event) {
	if f.OnEvent != nil {
		f.OnEvent(e)
	}
}

// During reports a step when it begins and ends, and what it says it waits for.
func (f *Fleet) During(e Event, do func(waits func(what string)) error) error {
	f.Report(e)
	err := do(func(what string) {
		now := e
		now.Waits = what
		f.Report(now)
	})
	e.Over = true
	f.Report(e)
	return err
}

// Step is During for steps that do not say what they wait for.
func (f *Fleet) Step(e Event, do func() error) error {
	return f.During(e, func(func(string)) error { return do() })
}
