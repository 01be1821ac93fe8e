package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/kplb/kplb/verify"
)

// WriteDistribution writes who gets how many connections.
func WriteDistribution(out io.Writer, counted []verify.Distribution) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nPORT\tADDRESS\tNODE\tCONNECTIONS\tSHARE\tAFFINITY\tCOUNTED BY")
	for _, d := range counted {
		all := 0
		for _, b := range d.Backends {
			all += b.Got
		}
		for _, b := range d.Backends {
			share := "-"
			if all > 0 {
				share = fmt.Sprintf("%.1f%%", 100*float64(b.Got)/float64(all))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", d.Name, d.Address, b.Node, b.Got, share, orDash(string(d.Affinity)), d.CountedBy)
		}
	}
	return w.Flush()
}
