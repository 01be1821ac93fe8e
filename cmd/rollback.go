package cmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
)

const rollbackLong = `Brings the nodes back to an earlier generation, as a rollout of its own: with a plan,
in order, proven, and itself taken back if the proof fails.

A change that is still awaiting confirmation is taken back right away instead, unless the
operator who makes it is still at work.`

type rollbackOptions struct {
	changeOptions
	to int // below 0: the generation before the current one
}

func newRollback(base command) *cobra.Command {
	o := rollbackOptions{changeOptions{command: base}, -1}
	c := &cobra.Command{
		Use:   "rollback",
		Short: "Bring the nodes back to an earlier generation",
		Long:  rollbackLong,
		Example: `  kplb history -i cluster.yaml
  kplb rollback -i cluster.yaml --to 3`,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("to") && o.to < 0 {
				return &usageError{errors.New("--to takes a generation, 0 or more: see `kplb history`")}
			}
			return o.run(c.Context())
		},
	}
	c.Flags().IntVar(&o.to, "to", o.to, "the `GENERATION`, by default the one before the current one")
	o.addFlags(c)
	return c
}

func (o rollbackOptions) run(ctx context.Context) error {
	return o.change(ctx, func(r *rollout.Rollout, progress *terminal.Progress) error {
		if o.to >= 0 {
			return o.goBack(ctx, r, o.to, progress)
		}
		nodes, err := r.RevertPending(ctx)
		var none *refusal.Error
		if errors.As(err, &none) {
			return o.goBack(ctx, r, o.to, progress)
		}
		progress.Stop()
		if err == nil {
			o.say("taken back: %s", strings.Join(nodes, ", "))
		}
		return err
	})
}
