package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/rollout"
)

// WriteHistory writes a line for each generation of the cluster, and one for each of what
// it changed beyond the first.
func WriteHistory(out io.Writer, h rollout.History) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GENERATION\tTIME\tBY\tKPLB\tCHANGED")
	for _, g := range h.Generations {
		number, changed := strconv.Itoa(g.Number), changedIn(g)
		if g.Current {
			number += " (current)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", number, g.Time, g.By, g.Version, changed[0])
		for _, more := range changed[1:] {
			fmt.Fprintf(w, "\t\t\t\t%s\n", more)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.Unreachable)) {
		fmt.Fprintf(w, "%s: no answer: %s\n", name, h.Unreachable[name])
	}
	return w.Flush()
}

// changedIn is what a generation changed, in one line at least.
func changedIn(g member.Generation) []string {
	out := slices.Clone(g.Changed)
	if g.Number > 0 && g.Version == "" && len(out) == 0 {
		out = []string{"not known: made by a kplb that kept no record"}
	}
	if len(g.Missing) > 0 {
		out = append(out, "not on "+strings.Join(g.Missing, ", "))
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}
