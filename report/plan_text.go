package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/vrrp"
)

// WritePlan writes the plan as people review it.
func WritePlan(out io.Writer, p *plan.Plan, colored bool) error {
	var b strings.Builder
	report := Describe(p)
	for _, n := range report.Nodes {
		if len(n.Consequences) == 0 && len(n.Files) == 0 {
			fmt.Fprintf(&b, "%s: nothing to do\n", n.Node)
			continue
		}
		fmt.Fprintf(&b, "%s%s:\n", n.Node, remark(n))
		for _, f := range n.Files {
			b.WriteString(Paint(colored, f.Diff))
		}
		for _, line := range n.Consequences {
			fmt.Fprintf(&b, "  -> %s\n", line)
		}
	}
	for _, n := range report.LeftOut {
		fmt.Fprintf(&b, "%s: left out: %s\n", n.Node, n.Why)
	}
	for _, o := range p.ConfigMaps {
		fmt.Fprintf(&b, "ConfigMap %s, after the nodes:\n%s", o.Name, Paint(colored, o.Diff))
		if o.Hint != "" {
			fmt.Fprintf(&b, "  -> %s\n", o.Hint)
		}
	}
	if !p.Empty() {
		for _, line := range vrrp.Timing(p.Cluster) {
			fmt.Fprintf(&b, "with this, %s\n", line)
		}
	}
	_, err := fmt.Fprint(out, b.String())
	return err
}

// remark says why a node has its place in the order.
func remark(n Node) string {
	switch {
	case n.Worker:
		return " (no longer a control-plane node: restored to its state before kplb)"
	case n.Leaving:
		return " (no longer in the inventory: restored to its state before kplb)"
	case n.Holder:
		return " (VIP holder, changed last)"
	default:
		return ""
	}
}

// Paint colours a unified diff.
func Paint(colored bool, diff string) string {
	if !colored {
		return diff
	}
	lines := strings.SplitAfter(diff, "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "+"):
			lines[i] = "\x1b[32m" + strings.TrimSuffix(line, "\n") + "\x1b[0m\n"
		case strings.HasPrefix(line, "-"):
			lines[i] = "\x1b[31m" + strings.TrimSuffix(line, "\n") + "\x1b[0m\n"
		}
	}
	return strings.Join(lines, "")
}
