package drill

import (
	"cmp"
	"slices"
	"time"
)

// Run is what was seen around one fault. Its times count from when its
// sampling began.
type Run struct {
	Fault Fault
	Node  string // that was broken
	Nodes []string
	Round int // from 1

	Every, Limit time.Duration // of the sampler

	Struck   time.Duration // the node was broken
	Mended   time.Duration // it was put back; 0: not known when
	MendedBy string
	Well     time.Duration // everything was proven again; 0: it was not
	Stopped  bool          // it was not waited for: the drill was interrupted
	End      time.Duration

	Samples []Sample
	Held    int // connections that were held
	Breaks  []Break
	Spans   []Span
	Doubt   time.Duration // of the spans: how well the nodes' clocks are known, Doubt at least
	Blind   []string      // nodes whose own record was lost
}

// since is when the fault can have been felt first.
func (r *Run) since() time.Duration { return max(r.Struck-r.Doubt, 0) }

// affected are the connections that ended after the fault.
func (r *Run) affected() []Sample {
	return slices.DeleteFunc(slices.Clone(r.Samples), func(s Sample) bool { return s.ended() < r.since() })
}

// gap is the longest time without an answer since the fault, and where it
// began.
func (r *Run) gap() (from, length time.Duration) { return gap(r.Samples, r.since(), r.End) }

// calm is the longest time without an answer before it.
func (r *Run) calm() time.Duration {
	_, length := gap(r.Samples, 0, r.since())
	return length
}

// gap is the longest part of a time in which connections waited and none was
// answered, and where it began. While nobody waits, because the sampler stood
// still, nobody is without an answer.
func gap(samples []Sample, begin, end time.Duration) (from, length time.Duration) {
	ended := slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return s.ended() <= begin || s.At >= end })
	slices.SortFunc(ended, func(a, b Sample) int { return cmp.Compare(a.ended(), b.ended()) })
	waiting := make([]time.Duration, len(ended)+1) // since when, of those that end from here on
	waiting[len(ended)] = end
	for i := len(ended) - 1; i >= 0; i-- {
		waiting[i] = min(waiting[i+1], ended[i].At)
	}
	last, next := begin, 0
	answer := func(at time.Duration) {
		if began := max(last, waiting[next]); at-began > length {
			from, length = began, at-began
		}
		last = at
	}
	for i, s := range ended {
		if s.Failure == "" && s.ended() < end {
			answer(s.ended())
			next = i + 1
		}
	}
	answer(end)
	return from, length
}

// stall is the longest time in which the sampler itself began nothing.
func (r *Run) stall() time.Duration {
	var longest, last time.Duration
	for _, s := range r.Samples {
		longest, last = max(longest, s.At-last), s.At
	}
	return longest
}

// slowest is the longest that a connection took which was answered, since the
// fault.
func (r *Run) slowest() time.Duration {
	var longest time.Duration
	for _, s := range r.affected() {
		if s.Failure == "" {
			longest = max(longest, s.Took)
		}
	}
	return longest
}

func (r *Run) failures() (int, map[string]int) {
	n, why := 0, map[string]int(nil)
	for _, s := range r.affected() {
		if s.Failure != "" {
			if why == nil {
				why = map[string]int{}
			}
			n++
			why[s.Failure]++
		}
	}
	return n, why
}

// held says how the held connections fared: how many broke, how long the
// slowest client took to notice, and to have another one; lost are those that
// had none at the end.
func (r *Run) held() (broken, lost int, noticed, back time.Duration) {
	for _, b := range r.Breaks {
		noticed = max(noticed, b.Noticed-b.Last)
		again := b.Back
		if again == 0 {
			lost++
			again = r.End // so long at least
		}
		back = max(back, again-b.Last)
	}
	return len(r.Breaks), lost, noticed, back
}
