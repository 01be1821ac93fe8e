package drill

import (
	"time"
)

// Report is a whole drill.
type Report struct {
	Cluster string
	VIP     string    // host:port that was asked
	From    string    // where the clients were
	Began   time.Time // of the first run
	Every   time.Duration
	Limit   time.Duration
	Runs    []*Run
	Proven  bool // everything was proven again at the end
}

// Summary is a report for programs, and for a later comparison.
type Summary struct {
	Cluster string    `json:"cluster"`
	VIP     string    `json:"vip"`
	From    string    `json:"from"`
	Began   time.Time `json:"began"`
	Every   int64     `json:"everyMilliseconds"`
	Limit   int64     `json:"limitMilliseconds"` // a connection that has no answer by then has failed
	Results []Result  `json:"faults"`
	Proven  bool      `json:"provenAfterwards"`
}

// Summary counts what was seen.
func (r *Report) Summary() Summary {
	out := Summary{
		Cluster: r.Cluster, VIP: r.VIP, From: r.From, Began: r.Began.UTC().Truncate(time.Second),
		Every: r.Every.Milliseconds(), Limit: r.Limit.Milliseconds(), Results: []Result{}, Proven: r.Proven,
	}
	for _, run := range r.Runs {
		out.Results = append(out.Results, run.Result())
	}
	return out
}
