package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/rollout"
)

type historyOptions struct {
	command
	format string
}

func newHistory(base command) *cobra.Command {
	o := historyOptions{command: base}
	c := &cobra.Command{
		Use:   "history",
		Short: "List what was confirmed on the nodes, and when",
		Long: `Lists the generations of every node: each one a set of files that was proven and
confirmed. Generation 0 is what was there before kplb. The times are the nodes' own.

Exits 1 if a node could not be asked.`,
		Example: `  kplb history -i cluster.yaml
  kplb rollback -i cluster.yaml --to 1`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	addOutput(c, &o.format)
	o.set.addSSHFlags(c.Flags())
	return c
}

func (o historyOptions) run(ctx context.Context) error {
	if err := checkOutput(o.format); err != nil {
		return err
	}
	return o.shown(ctx, func(r *rollout.Rollout, _ *progress) error {
		list, err := r.History(ctx)
		var failed fleet.NodeErrors
		if err != nil && (ctx.Err() != nil || !errors.As(err, &failed) || len(failed) == len(r.Fleet.Everyone())) {
			return err
		}
		if o.format == "json" {
			err = printJSON(o.out, list)
		} else {
			err = printHistory(o.out, list)
		}
		if err == nil && failed != nil {
			err = &unwellError{noError{"not every node was asked"}, failed}
		}
		return err
	})
}

func printHistory(out io.Writer, list []rollout.Generation) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tGENERATION\tTIME\tBY")
	for _, g := range list {
		if g.Unreachable != "" {
			fmt.Fprintf(w, "%s\tno answer\t-\t%s\n", g.Node, g.Unreachable)
			continue
		}
		current := ""
		if g.Current {
			current = " (current)"
		}
		fmt.Fprintf(w, "%s\t%d%s\t%s\t%s\n", g.Node, g.Number, current, g.Time, g.About)
	}
	return w.Flush()
}
