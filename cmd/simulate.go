package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/vrrp"
)

const simulateLong = `Shows who holds the VIP when nodes fail, how soon, and who holds it when they are back,
without asking any node. It reads the files that would be rendered, your own templates
too, and lets their keepalived elect: every subset of the nodes but all fails at once
(of more than five nodes those of one or two), when all were well and the one of the
highest priority had the VIP.

Three ways to fail: off (power, link or keepalived gone: the others hear nothing any more),
HAProxy dead (it says so itself), HAProxy frozen (a check notices). The times are the
longest that the rendered values allow, up to the moment when the next node holds the VIP.

What the table cannot show is proven beside it: whatever fails, recovers and starts, and
in whichever order, nodes that hear each other have one holder, and a healthy one where
one is healthy. Combinations that break this (nopreempt with weights, state MASTER with
nopreempt, equal priorities, ...) are refused, with the line of the rendered file and what
to write instead; render, diff and apply refuse them, too.

Not in it: a network that splits, and a keepalived that hangs. No files help there: each
part has its holder.

Exits 0 if it is proven, and 1 if it is not.`

type simulateOptions struct {
	command
	format string
}

func newSimulate(base command) *cobra.Command {
	o := simulateOptions{command: base}
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Show who holds the VIP when nodes fail",
		Long:  simulateLong,
		Example: `  kplb simulate -i cluster.yaml
  kplb simulate -i cluster.yaml -o json
  kplb simulate -i cluster.yaml --templates my`,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	addOutput(c, &o.format)
	return c
}

func (o simulateOptions) run() error {
	if err := checkOutput(o.format); err != nil {
		return err
	}
	cluster, err := o.set.loadCluster()
	if err != nil {
		return err
	}
	t, err := o.set.loadTemplates()
	if err != nil {
		return err
	}
	tree, err := t.Cluster(cluster, nil)
	if err != nil {
		return &usageError{err}
	}
	speakers, err := readSpeakers(cluster, tree)
	if err != nil {
		return &unsoundError{err}
	}
	return o.simulate(cluster, vrrp.Contests(cluster, speakers))
}

// simulate prints what comes of each election; the answer is no where one of them is
// not sound.
func (o simulateOptions) simulate(cluster *inventory.Cluster, contests []vrrp.Contest) error {
	reports := make([]report.Simulation, len(contests))
	var unsound []error
	for i, contest := range contests {
		simulation, bad := vrrp.Simulate(cluster, contest.Speakers)
		if bad != nil {
			unsound = append(unsound, reasons(bad)...)
		}
		reports[i] = report.DescribeSimulation(cluster, contest, simulation, bad)
		if o.format == "json" {
			continue
		}
		if i > 0 {
			fmt.Fprintln(o.out)
		}
		if err := report.WriteSimulation(o.out, cluster, contest, simulation, bad == nil); err != nil {
			return err
		}
	}
	if o.format == "json" {
		if err := report.JSON(o.out, report.WithOthers(reports)); err != nil {
			return err
		}
	}
	if unsound != nil {
		return &unsoundError{errors.Join(unsound...)}
	}
	return nil
}

// readSpeakers reads what the rendered files make of every node in VRRP's
// elections.
func readSpeakers(c *inventory.Cluster, tree render.Tree) ([]vrrp.Speaker, error) {
	return vrrp.ReadCluster(c, func(node string) vrrp.Files {
		return vrrp.Files{Keepalived: tree[node+render.KeepalivedPath].Content, HAProxyUnit: tree[node+render.HAProxyUnitPath].Content}
	})
}

// reasons are the errors that one joins.
func reasons(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

// unsoundError is an answer that is no, with the reasons.
type unsoundError struct{ error }

func (e *unsoundError) Unwrap() []error {
	return []error{&noError{}, e.error}
}
