package cmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
)

type confirmOptions struct {
	command
	patience time.Duration
}

func newConfirm(base command) *cobra.Command {
	o := confirmOptions{command: base}
	c := &cobra.Command{
		Use:   "confirm",
		Short: "Keep a change that is awaiting confirmation",
		Long: `Proves the control plane through the VIP once more, and then confirms the change that is
awaiting confirmation on the nodes: that of kplb apply --wait, or of an apply that lost its
connection to them. The change of an operator who is still at work is not for others.`,
		Example: `  kplb confirm -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.Flags().DurationVar(&o.patience, "proof-timeout", 10*time.Second, "how long the proof may take to come true")
	o.set.AddSSHFlags(c.Flags())
	return c
}

func (o confirmOptions) run(ctx context.Context) error {
	return o.shown(ctx, func(r *rollout.Rollout, _ *terminal.Progress) error {
		nodes, proof, err := r.Confirm(ctx, o.patience)
		if proof != nil {
			if printErr := report.WriteChecks(o.out, proof); err == nil {
				err = printErr
			}
		}
		if err == nil {
			o.say("confirmed: %s", strings.Join(nodes, ", "))
		}
		return err
	})
}

type unlockOptions struct{ command }

func newUnlock(base command) *cobra.Command {
	o := unlockOptions{base}
	c := &cobra.Command{
		Use:   "unlock",
		Short: "Take the lock away from an operator who is gone",
		Long: `Takes the nodes' locks away from whoever holds them. A lock ends by itself when its
operator's connection does, within 20 s at the latest, so this is rarely needed.
Later steps of that operator are refused.

Exits 1 if a node could not be asked: the lock of a node that is off has ended.`,
		Example: `  kplb unlock -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	o.set.AddSSHFlags(c.Flags())
	return c
}

func (o unlockOptions) run(ctx context.Context) error {
	return o.shown(ctx, func(r *rollout.Rollout, _ *terminal.Progress) error {
		owners, err := fleet.Unlock(ctx, r.Fleet)
		for _, n := range r.Fleet.Cluster.Nodes {
			if owner, ok := owners[n.Name]; ok {
				o.say("%s: was locked by %s", n.Name, owner)
			}
		}
		var failed fleet.NodeErrors
		switch {
		case err == nil:
			o.say("no node is locked")
		case ctx.Err() == nil && errors.As(err, &failed) && len(failed) < len(r.Fleet.Everyone()):
			o.explain(failed)
			return &unwellError{noError{"no node that can be reached is locked"}, failed}
		}
		return err
	})
}
