package drill

import "time"

// column is a slice of a run's time, as wide as what one character, or a few
// pixels, can show.
type column struct {
	asked, failed int
	slowest       time.Duration // of those that were answered
}

// answered is the share of its connections that were, 0 to 1.
func (c column) answered() float64 {
	if c.asked == 0 {
		return 0
	}
	return 1 - float64(c.failed)/float64(c.asked)
}

// columns divides a run's samples, by when they began.
func (r *Run) columns(n int) []column {
	out := make([]column, n)
	for _, s := range r.Samples {
		c := &out[r.column(s.At, n)]
		c.asked++
		if s.Failure != "" {
			c.failed++
		} else {
			c.slowest = max(c.slowest, s.Took)
		}
	}
	return out
}

// column is where a moment is among n columns.
func (r *Run) column(at time.Duration, n int) int {
	if r.End <= 0 {
		return 0
	}
	return min(max(int(at*time.Duration(n)/r.End), 0), n-1)
}
