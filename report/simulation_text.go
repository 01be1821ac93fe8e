package report

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/vrrp"
)

// WriteSimulation writes the table.
func WriteSimulation(out io.Writer, c *inventory.Cluster, contest vrrp.Contest, sim *vrrp.Simulation, sound bool) error {
	vips, failback := addresses(contest.VIPs), failbackOf(c, contest)
	if len(contest.VIPs) < len(c.VIPs) {
		fmt.Fprintf(out, "VIP %s\n", vips)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tPRIORITY\tTAKES THE VIP")
	for _, speaker := range sim.Speakers {
		takes := "from a lower priority"
		if speaker.NoPreempt {
			takes = "when nobody has it"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", speaker.Node, speaker.Priority, takes)
	}
	_ = w.Flush() // of out's errors the last one is reported
	fmt.Fprintf(out, "\n%s, failback %t. In the table, %s holds %s before.\n\n", c.VRRP.Mode, failback, sim.Start, vips)
	if len(sim.Outcomes) > 0 {
		fmt.Fprintf(w, "FAILING\tHOLDER\t%s\tBACK AGAIN\tWITH failback: %t\n", strings.Join(waysOf(sim), "\t"), !failback)
		for rest := sim.Outcomes; len(rest) > 0; {
			row := sameFailing(rest)
			printRow(w, sim, row)
			rest = rest[len(row):]
		}
		_ = w.Flush() // as above
		fmt.Fprintln(out)
	}
	_, err := fmt.Fprintln(out, simulationVerdict(sim, sound))
	return err
}

func addresses(all []netip.Addr) string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return strings.Join(out, " and ")
}

// failbackOf says whether the highest priority of a contest takes its VIPs back.
func failbackOf(c *inventory.Cluster, contest vrrp.Contest) bool {
	return slices.ContainsFunc(c.Groups(), func(g inventory.Group) bool { return g.Failback && slices.Contains(g.VIPs, contest.VIPs[0]) })
}

// waysOf are the columns of the times.
func waysOf(sim *vrrp.Simulation) []string {
	var out []string
	for _, o := range sim.Outcomes {
		if name := strings.ToUpper(string(o.Failure)); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// sameFailing are the first outcomes, as far as the same nodes fail in them.
func sameFailing(all []vrrp.Outcome) []vrrp.Outcome {
	i := slices.IndexFunc(all, func(o vrrp.Outcome) bool { return !slices.Equal(o.Failing, all[0].Failing) })
	if i < 0 {
		return all
	}
	return all[:i]
}

// printRow writes what is the same for every way to fail once.
func printRow(w io.Writer, sim *vrrp.Simulation, row []vrrp.Outcome) {
	same := func(of func(vrrp.Outcome) string) string {
		var out []string
		for _, o := range row {
			if text := of(o); !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
		return strings.Join(out, " / ")
	}
	fmt.Fprintf(w, "%s\t%s", strings.Join(row[0].Failing, " "), same(holders))
	for _, way := range waysOf(sim) {
		i := slices.IndexFunc(row, func(o vrrp.Outcome) bool { return strings.EqualFold(string(o.Failure), way) })
		fmt.Fprintf(w, "\t%s", howSoon(row[i]))
	}
	back := same(func(o vrrp.Outcome) string { return orDash(o.AfterReturn) })
	fmt.Fprintf(w, "\t%s\t%s\n", back, same(func(o vrrp.Outcome) string { return orDash(o.AfterReturnOtherwise) }))
}

func holders(o vrrp.Outcome) string {
	return orDash(strings.Join(append([]string{o.Holder}, o.Others...), " and "))
}

// howSoon says when the holder of the row holds the VIP.
func howSoon(o vrrp.Outcome) string {
	out := "moves"
	switch {
	case o.Within > 0:
		out = "within " + vrrp.Short(o.Within)
	case !o.Moves:
		out = "stays"
	}
	if o.BecameHolder > 1 {
		out += fmt.Sprintf(", %d hold it for a moment", o.BecameHolder)
	}
	return out
}

// simulationVerdict says what was proven, and how much was looked at.
func simulationVerdict(sim *vrrp.Simulation, sound bool) string {
	nodes := len(sim.Speakers)
	switch {
	case nodes == 1:
		return "One node: nobody takes over from it, and there is nothing to prove."
	case !sound:
		return "Not proven: see below."
	}
	what := fmt.Sprintf("all %d states of the %d nodes", sim.Proof.States, nodes)
	if sim.Proof.Grouped {
		what = fmt.Sprintf("%d nodes, three at a time", nodes)
	}
	moment := "and no second one for a moment"
	if sim.Proof.MostAtOnce > 1 {
		moment = fmt.Sprintf("and up to %d for a moment", sim.Proof.MostAtOnce)
	}
	return fmt.Sprintf("Proven for %s, whatever fails and returns in whichever order:\none holder, a healthy one where one is healthy, %s.", what, moment)
}
