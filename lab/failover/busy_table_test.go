//go:build failover

package failover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/drill"
)

// together counts the moments with more than one holder, and with none.
func together(spans []drill.Span, end time.Duration) (two, none moments) {
	type edge struct {
		at   time.Duration
		more int
	}
	edges := append(make([]edge, 0, 1+2*len(spans)), edge{end, 0})
	for _, s := range spans {
		edges = append(edges, edge{s.From, 1}, edge{s.To, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(b.more, a.more)) })
	var last time.Duration
	holders, before := 0, 1
	for _, e := range edges {
		if length := e.at - last; length > 0 {
			switch is := min(holders, 2); is {
			case 0:
				none.add(length, is != before)
			case 2:
				two.add(length, is != before)
			}
			before = min(holders, 2)
		}
		holders += e.more
		last = e.at
	}
	return two, none
}

// renderBusy makes the table of docs/failover-busy.md.
func renderBusy(all []busy, command string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Takeovers that nothing was the cause of\n\nWritten by `%s`; what is measured: [failover.md](failover.md#make-busy).\n", command)
	fmt.Fprintf(&out, "Loops that burn processor time, and some that write 8 KiB and sync, are spread over the three nodes, on %d processors.\n\n", processors)
	out.WriteString("| configuration | commit | began, UTC | minutes | loops, writing ones | load average | changes of holder | two holders | no holder | failed new connections | longest without an answer | restarts of haproxy, keepalived |\n" +
		"| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, b := range all {
		c, _ := configurationNamed(b.Configuration)
		fmt.Fprintf(&out, "| %s | %s | %s | %.0f | %d, %d | %s | %d | %s | %s | %d of %d | %s | %d, %d |\n", c.title, b.Commit, b.Began.Format("2006-01-02 15:04"),
			b.Minutes, b.Loops, b.Writers, b.Load, b.Changes, b.Two, b.None, b.Failed, b.Connections, time1(float64(b.Silent)), b.HAProxy, b.Keepalived)
	}
	if len(all) == 0 {
		out.WriteString("\nNothing was measured.\n")
	}
	return out.String()
}

func (m moments) String() string {
	switch m.N {
	case 0:
		return "never"
	case 1:
		return "once, " + time1(float64(m.Total.Milliseconds()))
	}
	return fmt.Sprintf("%d times, %s together", m.N, time1(float64(m.Total.Milliseconds())))
}
