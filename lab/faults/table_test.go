//go:build faults

package faults

import (
	"fmt"
	"strings"
	"time"
)

// result is what became of a row.
type result struct {
	fault          fault
	trials, passed int
	settled        time.Duration // the longest, from the end of the fault
	took           time.Duration
}

func render(results []result) string {
	var out strings.Builder
	out.WriteString("| class | fault | injected | violations | worst time to settle |\n|---|---|---:|---:|---:|\n")
	trials, failed := 0, 0
	var took time.Duration
	for _, r := range results {
		fmt.Fprintf(&out, "| %s | %s | %d | %d | %.1f s |\n", r.fault.id, r.fault.name, r.trials, r.trials-r.passed, r.settled.Seconds())
		trials, failed, took = trials+r.trials, failed+r.trials-r.passed, took+r.took
	}
	fmt.Fprintf(&out, "| all | %d classes, %.0f minutes of lab time | %d | %d | |\n", len(results), took.Minutes(), trials, failed)
	return out.String()
}
