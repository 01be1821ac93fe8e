//go:build bench

package bench

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// judge holds the figures of the project's issues against what was measured.
func (b *bench) judge(withAnsible bool) {
	nothing, change, library := b.table.median(rowNothing), b.table.median(rowChange), b.table.median(rowLibrary)
	b.most("nothing to do, ms", nothing, 150*time.Millisecond)
	b.most("nothing to do, ms (issue 2)", nothing, 300*time.Millisecond)
	ratio := float64(nothing) / float64(library)
	b.table.figure("nothing to do, times the plain connect-and-exec", "<= 1.5", fmt.Sprintf("%.2f", ratio), ratio <= 1.5)
	b.most("changed apply, ms", change, 400*time.Millisecond)
	if withAnsible {
		b.faster("nothing to do, times faster than Ansible", nothing, b.table.median(rowAnsibleNothing))
		b.faster("changed apply, times faster than Ansible", change, b.table.median(rowAnsibleChange))
	}
	slices.Sort(b.cpu)
	b.table.figure("client CPU per node, 3 real nodes, nothing to do, ms", "", fmt.Sprintf("%.1f", b.cpu[len(b.cpu)/2].Seconds()*1000/3), true)
	b.table.figure("peak memory of kplb, 3 real nodes, nothing to do, MiB", "", strconv.FormatInt(b.memory>>10, 10), true)
	b.table.figure("5 minutes in which something waited for a CPU (all labs)", "", b.pressure, true)
}

func (b *bench) most(what string, got, limit time.Duration) {
	b.table.figure(what, "<= "+ms(limit), ms(got), got <= limit)
}

func (b *bench) faster(what string, ours, theirs time.Duration) {
	times := float64(theirs) / float64(ours)
	b.table.figure(what, ">= 15", fmt.Sprintf("%.1f", times), times >= 15)
}
