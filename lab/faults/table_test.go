//go:build faults

package faults

import (
	"fmt"
	"strings"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// result is what became of a row.
type result struct {
	fault          fault
	trials, passed int
	proven         int           // of what the fault's figure counts
	settled        time.Duration // the longest, from the end of the fault
	took           time.Duration
	violations     []string // each with its trial and what was injected
}

func render(results []result) string {
	var out, figures strings.Builder
	out.WriteString("| class | fault | injected | violations | worst time to settle |\n|---|---|---:|---:|---:|\n")
	trials, failed := 0, 0
	classes := map[string]bool{}
	var took time.Duration
	for _, r := range results {
		fmt.Fprintf(&out, "| %s | %s | %d | %d | %.1f s |\n", r.fault.id, r.fault.name, r.trials, r.trials-r.passed, r.settled.Seconds())
		trials, failed, took = trials+r.trials, failed+r.trials-r.passed, took+r.took
		classes[class(r.fault.id)] = true
		if r.fault.figure != "" {
			fmt.Fprintf(&figures, "\n%s: %d of %d %s\n", r.fault.id, r.proven, r.trials*len(machines.Nodes), r.fault.figure)
		}
	}
	fmt.Fprintf(&out, "| all | %d classes, %d rows, %.0f minutes of lab time | %d | %d | |\n", len(classes), len(results), took.Minutes(), trials, failed)
	return out.String() + figures.String()
}

// violations are told again below the table: a log is read from its end.
func violations(results []result) string {
	var out []string
	for _, r := range results {
		out = append(out, r.violations...)
	}
	return strings.Join(out, "\n")
}

// class is a row's id without the letter that tells it from the others.
func class(id string) string { return strings.TrimRight(id, "abcdefghijklmnopqrstuvwxyz") }
