//go:build bench

package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// series is what was measured of one thing, in order.
type series struct {
	name string
	all  []time.Duration
}

// at gives the value below which a share of all lies.
func (s *series) at(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s.all))
	return sorted[int(share*float64(len(sorted)-1)+0.5)]
}

func (s *series) median() time.Duration { return s.at(0.5) }

// table collects what is printed at the end.
type table struct {
	rows    []*series
	figures []string
}

func (t *table) add(name string, d time.Duration) {
	for _, s := range t.rows {
		if s.name == name {
			s.all = append(s.all, d)
			return
		}
	}
	t.rows = append(t.rows, &series{name, []time.Duration{d}})
}

func (t *table) median(name string) time.Duration {
	for _, s := range t.rows {
		if s.name == name {
			return s.median()
		}
	}
	return 0
}

// figure adds a line to the second part: what was wanted, and what there is.
func (t *table) figure(what, wanted, got string, met bool) {
	verdict := "met"
	switch {
	case wanted == "":
		wanted, verdict = "-", ""
	case !met:
		verdict = "MISSED"
	}
	t.figures = append(t.figures, fmt.Sprintf("| %-62s | %-10s | %10s | %-6s |", what, wanted, got, verdict))
}

func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %-58s | %4s | %8s | %8s | %8s |\n", "milliseconds of wall time", "runs", "median", "p95", "max")
	fmt.Fprintf(&b, "|%s|-----:|---------:|---------:|---------:|\n", strings.Repeat("-", 60))
	for _, s := range t.rows {
		fmt.Fprintf(&b, "| %-58s | %4d | %8s | %8s | %8s |\n", s.name, len(s.all), ms(s.median()), ms(s.at(0.95)), ms(s.at(1)))
	}
	fmt.Fprintf(&b, "\n| %-62s | %-10s | %10s | %-6s |\n", "figure", "wanted", "measured", "")
	fmt.Fprintf(&b, "|%s|%s|%s:|%s|\n", strings.Repeat("-", 64), strings.Repeat("-", 12), strings.Repeat("-", 11), strings.Repeat("-", 8))
	b.WriteString(strings.Join(t.figures, "\n") + "\n")
	return b.String()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f", float64(d)/float64(time.Millisecond)) }

// pressure is the share of the last five minutes in which something waited for
// a processor, as the kernel says.
func pressure() string {
	data, _ := os.ReadFile("/proc/pressure/cpu") // only told to people
	_, after, _ := strings.Cut(string(data), "avg300=")
	share, _, _ := strings.Cut(after, " ")
	return share + " %"
}
