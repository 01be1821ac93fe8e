//go:build failover

package failover

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// processors are this machine's, which the labs share.
var processors = runtime.NumCPU()

// render makes the table of docs/failover-table.md.
func render(runs []*run, command string, took time.Duration) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Failover, measured\n\nWritten by `%s`; what is measured, and what the columns are: [failover.md](failover.md).\n", command)
	if len(runs) == 0 {
		return out.String() + "\nNothing was measured.\n"
	}
	out.WriteString(about(runs, took))
	out.WriteString("\n| fault | configuration | runs | without an answer: p50 | p99 | max | failed new connections | slowest answered | VIP moved | two holders, max | held connection closed, max | wanted |\n" +
		"| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, c := range cells(runs) {
		if c.fault.measure == nil {
			out.WriteString(c.row())
		}
	}
	refused := slices.DeleteFunc(cells(runs), func(c *cell) bool { return c.fault.measure == nil || len(c.refusals()) == 0 })
	if len(refused) > 0 {
		out.WriteString("\nEvery apiserver killed, new connections once HAProxy knows:\n\n" +
			"| configuration | runs | HAProxy knew after, max | connections | refused within: p50 | p99 | max | not within 1 s | wanted |\n" +
			"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	}
	for _, c := range refused {
		all, hung := c.refusals(), c.sum(func(r *run) int64 { return int64(r.Hung) })
		fmt.Fprintf(&out, "| %s | %d | %s | %d | %s | %s | %s | %d | %s |\n", c.configuration.title, len(c.runs),
			time1(float64(share(c.each(func(r *run) int64 { return r.Known }), 1))), int64(len(all))+hung,
			time1(share(all, 0.5)), time1(share(all, 0.99)), time1(share(all, 1)), hung, c.verdict())
	}
	return out.String()
}

// about is what a reader has to know of the runs.
func about(runs []*run, took time.Duration) string {
	var loads []float64
	commits, calm, stalled, restless := map[string]int{}, int64(0), int64(0), 0
	first, last := runs[0].Began, runs[0].Began
	for _, r := range runs {
		if l, err := strconv.ParseFloat(r.Load, 64); err == nil {
			loads = append(loads, l)
		}
		commits[r.Commit]++
		calm, stalled = max(calm, r.Calm), max(stalled, r.Stalled)
		if r.Restless {
			restless++
		}
		if r.Began.Before(first) {
			first = r.Began
		}
		if r.Began.After(last) {
			last = r.Began
		}
	}
	slices.Sort(loads)
	out := fmt.Sprintf("\n%d runs, %s to %s UTC (this call took %.0f minutes), commit %s, %d processors",
		len(runs), first.Format("2006-01-02 15:04"), last.Format("2006-01-02 15:04"), took.Minutes(), strings.Join(slices.Sorted(maps.Keys(commits)), ", "), processors)
	if len(loads) > 0 {
		out += fmt.Sprintf(", load average %.1f to %.1f, median %.1f", loads[0], loads[len(loads)-1], share(loads, 0.5))
	}
	return out + fmt.Sprintf(".\nBefore anything was broken: without an answer for %s at most; the VIP moved by itself %d times. The clients began no connection for %s at most: that counts for nobody.\nOf 30 runs p99 is the slowest one.\n",
		time1(float64(calm)), restless, time1(float64(stalled)))
}

// cells groups runs, fault by fault.
func cells(runs []*run) []*cell {
	var out []*cell
	for _, f := range faults {
		for _, c := range configurations {
			mine := slices.DeleteFunc(slices.Clone(runs), func(r *run) bool { return r.Fault != f.name || r.Configuration != c.name })
			if len(mine) > 0 {
				out = append(out, &cell{c, f, mine})
			}
		}
	}
	return out
}

// row is a fault whose clients were sampled.
func (c *cell) row() string {
	gone := c.each(withoutAnswer)
	made := c.sum(func(r *run) int64 { return int64(r.Connections) })
	atLeast := func(open func(*run) bool) string {
		if slices.ContainsFunc(c.runs, open) {
			return "≥ "
		}
		return ""
	}
	still := atLeast(func(r *run) bool { return r.Open })
	return fmt.Sprintf("| %s | %s | %d | %s | %s%s | %s%s | %d of %d | %s | %d of %d | %s | %s | %s |\n",
		c.fault.title, c.configuration.title, len(c.runs), time1(float64(share(gone, 0.5))),
		still, time1(float64(share(gone, 0.99))), still, time1(float64(share(gone, 1))),
		c.sum(failed), made, time1(float64(share(c.each(slowest), 1))),
		int64(len(c.runs))-c.sum(stayed), len(c.runs),
		atLeast(func(r *run) bool { return r.TwoOpen })+time1(float64(share(c.each(twoHolders), 1))), c.held(), c.verdict())
}

// held says when the last of the held connections was closed.
func (c *cell) held() string {
	open, asked, longest := 0, 0, int64(0)
	for _, r := range c.runs {
		if r.HeldClosed == nil {
			continue
		}
		asked++
		if r.HeldOpen {
			open++
		}
		longest = max(longest, *r.HeldClosed)
	}
	switch {
	case asked == 0:
		return "-"
	case open > 0:
		return fmt.Sprintf("not in %d of %d runs, up to %s", open, asked, time1(float64(longest)))
	}
	return time1(float64(longest))
}
