package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/vrrp"
)

const diffLong = `Looks at every node and prints what apply would change there: a unified diff of each
file, with secrets blanked, and the consequences. Nothing is changed.

With -o FILE.json the plan is saved; kplb apply FILE.json does exactly that, or refuses
because something has changed since.

Exits 0 if there is nothing to do and 1 if there is.`

func newDiff(s streams, set *settings) *cobra.Command {
	var format string
	var forget []string
	c := &cobra.Command{
		Use:   "diff",
		Short: "Show what apply would change on the nodes",
		Long:  diffLong,
		Example: `  kplb diff -i cluster.yaml
  kplb diff -i cluster.yaml -o plan.json`,
		RunE: func(c *cobra.Command, _ []string) error { return s.diff(c.Context(), set, format, forget) },
	}
	addOutput(c, &format)
	c.Flags().Lookup("output").Usage = "text, json, or a FILE.json to save the plan to"
	addForget(c, &forget)
	set.addSSHFlags(c.Flags())
	return c
}

func addForget(c *cobra.Command, forget *[]string) {
	c.Flags().StringSliceVar(forget, "forget", nil, "`NODE`s that have left the inventory and are gone for good: they are not\ncleaned")
}

func (s streams) diff(ctx context.Context, set *settings, format string, forget []string) error {
	save := strings.HasSuffix(format, ".json")
	if err := checkOutput(format); err != nil && !save {
		return err
	}
	return s.shown(ctx, set, func(r *rollout.Rollout, _ *progress) error {
		r.Forgotten = forget
		p, err := r.Plan(ctx)
		if err != nil {
			return err
		}
		for _, note := range p.Notes() {
			s.say("%s", note)
		}
		switch {
		case save:
			err = s.savePlan(set, p, format)
		case format == "json":
			err = s.printJSON(describe(p))
		default:
			err = s.printPlan(set, p)
		}
		if err == nil && !p.Empty() {
			err = &noError{"changes pending; run `kplb apply`"}
		}
		return err
	})
}

// printPlan writes the plan as people review it.
func (s streams) printPlan(set *settings, p *plan.Plan) error {
	var b strings.Builder
	for _, n := range describe(p).Nodes {
		if len(n.Consequences) == 0 && len(n.Files) == 0 {
			fmt.Fprintf(&b, "%s: nothing to do\n", n.Node)
			continue
		}
		fmt.Fprintf(&b, "%s%s:\n", n.Node, remark(n))
		for _, f := range n.Files {
			b.WriteString(paint(set.colored(s.out), f.Diff))
		}
		for _, line := range n.Consequences {
			fmt.Fprintf(&b, "  -> %s\n", line)
		}
	}
	for _, o := range p.ConfigMaps {
		fmt.Fprintf(&b, "ConfigMap %s, after the nodes:\n%s", o.Name, paint(set.colored(s.out), o.Diff))
		if o.Hint != "" {
			fmt.Fprintf(&b, "  -> %s\n", o.Hint)
		}
	}
	if !p.Empty() {
		for _, line := range vrrp.Timing(p.Cluster) {
			fmt.Fprintf(&b, "with this, %s\n", line)
		}
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}

// remark says why a node has its place in the order.
func remark(n nodeReport) string {
	switch {
	case n.Leaving:
		return " (no longer in the inventory: restored to its state before kplb)"
	case n.Holder:
		return " (VIP holder, changed last)"
	default:
		return ""
	}
}

// paint colours a unified diff.
func paint(colored bool, diff string) string {
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

// planReport is a plan for people and programs: nothing secret is in it.
type planReport struct {
	Cluster string         `json:"cluster"`
	Nodes   []nodeReport   `json:"nodes"`             // in the order of the rollout
	Objects []objectReport `json:"objects,omitempty"` // of the cluster, after the nodes
}

type objectReport struct {
	ConfigMap string `json:"configMap"`
	Diff      string `json:"diff"`
	Hint      string `json:"hint,omitempty"`
}

type nodeReport struct {
	Node         string       `json:"node"`
	Holder       bool         `json:"holdsVIP"`
	Leaving      bool         `json:"leaving,omitempty"`
	Packages     []string     `json:"packages,omitempty"`
	Files        []fileReport `json:"files,omitempty"`
	Consequences []string     `json:"consequences,omitempty"`
}

type fileReport struct {
	Path   string `json:"path"`
	Effect string `json:"effect"`
	Stamp  string `json:"was,omitempty"` // what is there now
	Before string `json:"before"`        // sha256, secrets blanked; "absent"
	After  string `json:"after"`
	Diff   string `json:"diff"`
}

func describe(p *plan.Plan) planReport {
	report := planReport{Cluster: p.Cluster.Name, Nodes: []nodeReport{}}
	for _, n := range p.Nodes {
		node := nodeReport{Node: n.Node.Name, Holder: n.Holder, Leaving: n.Leaving, Packages: n.Packages, Consequences: n.Consequences()}
		for _, c := range n.Files() {
			before, after := c.Sums()
			node.Files = append(node.Files, fileReport{c.Path, string(c.Effect), string(c.Stamp), before, after, c.Diff})
		}
		report.Nodes = append(report.Nodes, node)
	}
	for _, o := range p.ConfigMaps {
		report.Objects = append(report.Objects, objectReport{o.Name, o.Diff, o.Hint})
	}
	return report
}
