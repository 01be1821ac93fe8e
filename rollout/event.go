package rollout

import "time"

// Event is one step of a rollout, for people who watch.
type Event struct {
	Node  string // empty: the cluster
	Step  string // what happens now
	Done  bool   // the step has ended well
	Usual time.Duration
}

func (r *Rollout) report(e Event) {
	if r.Report != nil {
		r.Report(e)
	}
}
