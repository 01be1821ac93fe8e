package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
)

type historyOptions struct {
	command
	format string
}

func newHistory(base command) *cobra.Command {
	o := historyOptions{command: base}
	c := &cobra.Command{
		Use:   "history",
		Short: "List what was confirmed on the cluster, when and by whom",
		Long: `Lists the generations of the cluster: each one a change that was proven and confirmed,
with what it changed and the kplb that made it. Every member keeps every generation, also
where it changed nothing; a node that was off has a gap, and is named. Generation 0 is
what was there before kplb.

Exits 1 if a node could not be asked.`,
		Example: `  kplb history -i cluster.yaml
  kplb rollback -i cluster.yaml --to 1`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	addOutput(c, &o.format)
	o.set.AddSSHFlags(c.Flags())
	return c
}

func (o historyOptions) run(ctx context.Context) error {
	if err := checkOutput(o.format); err != nil {
		return err
	}
	return o.shown(ctx, func(r *rollout.Rollout, _ *terminal.Progress) error {
		list, err := r.History(ctx)
		var failed fleet.NodeErrors
		if err != nil && (ctx.Err() != nil || !errors.As(err, &failed) || len(failed) == len(r.Fleet.Everyone())) {
			return err
		}
		if o.format == "json" {
			err = report.JSON(o.out, list)
		} else {
			err = report.WriteHistory(o.out, list)
		}
		if err == nil && failed != nil {
			err = &unwellError{noError{"not every node was asked"}, failed}
		}
		return err
	})
}
