//go:build failover

package failover

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// cell is all runs of one fault on one configuration.
type cell struct {
	configuration configuration
	fault         *fault
	runs          []*run
}

// each is one figure of every run, sorted.
func (c *cell) each(figure func(*run) int64) []int64 {
	out := make([]int64, 0, len(c.runs))
	for _, r := range c.runs {
		out = append(out, figure(r))
	}
	slices.Sort(out)
	return out
}

// share is the least value that a share of all does not exceed.
func share[T any](sorted []T, of float64) T {
	return sorted[max(int(math.Ceil(of*float64(len(sorted))))-1, 0)]
}

func withoutAnswer(r *run) int64 { return r.WithoutAnswer }
func failed(r *run) int64        { return int64(r.Failed) }
func slowest(r *run) int64       { return r.Slowest }
func twoHolders(r *run) int64    { return r.TwoHolders }

func heldClosed(r *run) int64 {
	switch {
	case r.HeldClosed == nil:
		return 0
	case r.HeldOpen: // nobody knows when it would have been
		return math.MaxInt64
	}
	return *r.HeldClosed
}

func stayed(r *run) int64 {
	if r.TookOver == "" {
		return 1
	}
	return 0
}

func (c *cell) sum(figure func(*run) int64) (total int64) {
	for _, r := range c.runs {
		total += figure(r)
	}
	return total
}

// refusals are the connections of all runs, sorted.
func (c *cell) refusals() []float64 {
	var out []float64
	for _, r := range c.runs {
		out = append(out, r.Refused...)
	}
	slices.Sort(out)
	return out
}

// target is what a figure should not exceed, in milliseconds, or what there
// should be none of.
type target struct {
	what  string
	limit float64
	none  bool
	of    func(*cell) float64
}

func worst(figure func(*run) int64) func(*cell) float64 {
	return func(c *cell) float64 { return float64(share(c.each(figure), 1)) }
}

func total(figure func(*run) int64) func(*cell) float64 {
	return func(c *cell) float64 { return float64(c.sum(figure)) }
}

// wants are the figures to compare with: of kplb's own profiles, the worst run
// counts.
func wants(configuration, fault string) []target {
	i := slices.Index([]string{"default", "fast"}, configuration)
	if i < 0 {
		return nil
	}
	silent := func(of ...float64) []target {
		return []target{{what: "without an answer", limit: of[i], of: worst(withoutAnswer)}}
	}
	none := target{what: "failed connection", none: true, of: total(failed)}
	switch fault {
	case "link-cut", "power-off":
		return silent(1100, 400)
	case "haproxy-killed":
		return silent(800, 500)
	case "planned-move":
		return silent(600, 80)
	case "keepalived-killed", "keepalived-frozen":
		return []target{{what: "two holders", limit: 5000, of: worst(twoHolders)}, none}
	case "apiserver-dies", "apiserver-cut":
		return []target{none, {what: "slowest", limit: 550, of: worst(slowest)}, {what: "held closed", limit: 2500, of: worst(heldClosed)}}
	case "etcd-quorum-lost":
		return []target{{what: "run in which the VIP stayed", none: true, of: total(stayed)}}
	case "all-apiservers-down":
		return []target{
			{what: "refused, p99", limit: 2, of: func(c *cell) float64 { return share(c.refusals(), 0.99) }},
			{what: "refused, slowest", limit: 2, of: func(c *cell) float64 { return share(c.refusals(), 1) }},
			{what: "connection that hangs", none: true, of: total(func(r *run) int64 { return int64(r.Hung) })},
		}
	}
	return nil
}

// verdict says what was wanted, and by how much it is missed.
func (c *cell) verdict() string {
	var out []string
	for _, t := range wants(c.configuration.name, c.fault.name) {
		is, what := t.of(c), t.what+" ≤ "+time1(t.limit)
		if t.none {
			what = "no " + t.what
		}
		switch {
		case is <= t.limit:
			out = append(out, what+": meets")
		case is >= math.MaxInt64:
			out = append(out, what+": **misses**, it is not")
		case t.none:
			out = append(out, fmt.Sprintf("%s: **misses by %.0f**", what, is))
		default:
			out = append(out, fmt.Sprintf("%s: **misses by %s**", what, time1(is-t.limit)))
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, "; ")
}

// time1 says a time in milliseconds for people.
func time1(ms float64) string {
	switch {
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms < 10 && ms != math.Trunc(ms):
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
