package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/rollout"
)

const rollbackLong = `Brings the nodes back to an earlier generation, as a rollout of its own: with a plan,
in order, proven, and itself taken back if the proof fails.

A change that is still awaiting confirmation is taken back right away instead.`

func newRollback(s streams, set *settings) *cobra.Command {
	var o applyOptions
	to := -1
	c := &cobra.Command{
		Use:   "rollback",
		Short: "Bring the nodes back to an earlier generation",
		Long:  rollbackLong,
		Example: `  kplb history -i cluster.yaml
  kplb rollback -i cluster.yaml --to 3`,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("to") && to < 0 {
				return &usageError{errors.New("--to takes a generation, 0 or more: see `kplb history`")}
			}
			return s.rollback(c.Context(), set, o, to)
		},
	}
	c.Flags().IntVar(&to, "to", to, "the `GENERATION`, by default the one before the current one")
	o.addFlags(c)
	addOutput(c, &o.format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) rollback(ctx context.Context, set *settings, o applyOptions, to int) error {
	return s.change(ctx, set, o, func(r *rollout.Rollout, progress *progress) error {
		if to >= 0 {
			return s.goBack(ctx, set, r, o, to, progress)
		}
		nodes, err := r.RevertPending(ctx)
		var none *plan.RefusedError
		if errors.As(err, &none) {
			return s.goBack(ctx, set, r, o, to, progress)
		}
		progress.stop()
		if err == nil {
			s.say("taken back: %s", strings.Join(nodes, ", "))
		}
		return err
	})
}

// goBack carries out the way to a generation.
func (s streams) goBack(ctx context.Context, set *settings, r *rollout.Rollout, o applyOptions, to int, progress *progress) error {
	p, err := r.PlanRollback(ctx, to)
	if err != nil {
		return err
	}
	if p.Empty() {
		s.say("nothing to do: the nodes are as they were then")
		return nil
	}
	o.overwrite = true // whoever goes back wants the earlier files, whatever is there now
	return s.carryOut(ctx, set, r, p, o, progress)
}

func newHistory(s streams, set *settings) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "history",
		Short: "List what was confirmed on the nodes, and when",
		Long: `Lists the generations of every node: each one a set of files that was proven and
confirmed. Generation 0 is what was there before kplb. The times are the nodes' own.`,
		Example: `  kplb history -i cluster.yaml
  kplb rollback -i cluster.yaml --to 1`,
		RunE: func(c *cobra.Command, _ []string) error { return s.history(c.Context(), set, format) },
	}
	addOutput(c, &format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) history(ctx context.Context, set *settings, format string) error {
	if err := checkOutput(format); err != nil {
		return err
	}
	return s.shown(ctx, set, func(r *rollout.Rollout, _ *progress) error {
		list, err := r.History(ctx)
		if err != nil {
			return err
		}
		if format == "json" {
			return s.printJSON(list)
		}
		return s.printHistory(list)
	})
}

func (s streams) printHistory(list []rollout.Generation) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tGENERATION\tTIME\tBY")
	for _, g := range list {
		current := ""
		if g.Current {
			current = " (current)"
		}
		fmt.Fprintf(w, "%s\t%d%s\t%s\t%s\n", g.Node, g.Number, current, g.Time, g.About)
	}
	return w.Flush()
}
