package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/kplb/kplb/rollout"
)

// WriteHistory writes the generations of the nodes.
func WriteHistory(out io.Writer, list []rollout.Generation) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tGENERATION\tTIME\tBY")
	for _, g := range list {
		if g.Unreachable != "" {
			fmt.Fprintf(w, "%s\tno answer\t-\t%s\n", g.Node, g.Unreachable)
			continue
		}
		current := ""
		if g.Current {
			current = " (current)"
		}
		fmt.Fprintf(w, "%s\t%d%s\t%s\t%s\n", g.Node, g.Number, current, g.Time, g.About)
	}
	return w.Flush()
}
