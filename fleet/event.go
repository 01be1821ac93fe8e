package fleet

import "time"

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

// Report tells OnEvent of an event.
func (f *Fleet) Report(e Event) {
	if f.OnEvent != nil {
		f.OnEvent(e)
	}
}

// During reports a step while it lasts. The step may say what it waits for.
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

// Step is During, for steps that have nothing to say.
func (f *Fleet) Step(e Event, do func() error) error {
	return f.During(e, func(func(string)) error { return do() })
}
