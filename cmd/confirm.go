package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/rollout"
)

func newConfirm(s streams, set *settings) *cobra.Command {
	var patience time.Duration
	c := &cobra.Command{
		Use:   "confirm",
		Short: "Keep a change that is awaiting confirmation",
		Long: `Proves the control plane through the VIP once more, and then confirms the change that is
awaiting confirmation on the nodes: that of kplb apply --wait, or of an apply that lost its
connection to them.`,
		Example: `  kplb confirm -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return s.confirmPending(c.Context(), set, patience) },
	}
	c.Flags().DurationVar(&patience, "proof-timeout", 10*time.Second, "how long the proof may take to come true")
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) confirmPending(ctx context.Context, set *settings, patience time.Duration) error {
	return s.shown(ctx, set, func(r *rollout.Rollout, _ *progress) error {
		nodes, proof, err := r.Confirm(ctx, patience)
		if proof != nil {
			if printErr := s.printChecks(proof); err == nil {
				err = printErr
			}
		}
		if err == nil {
			s.say("confirmed: %s", strings.Join(nodes, ", "))
		}
		return err
	})
}

func newUnlock(s streams, set *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "unlock",
		Short: "Take the lock away from an operator who is gone",
		Long: `Takes the nodes' locks away from whoever holds them. A lock ends by itself when its
operator's connection does, within 20 s at the latest, so this is rarely needed.
Later steps of that operator are refused.`,
		Example: `  kplb unlock -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return s.unlock(c.Context(), set) },
	}
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) unlock(ctx context.Context, set *settings) error {
	return s.shown(ctx, set, func(r *rollout.Rollout, _ *progress) error {
		owners, err := r.Unlock(ctx)
		for _, n := range r.Cluster.Nodes {
			if owner, ok := owners[n.Name]; ok {
				s.say("%s: was locked by %s", n.Name, owner)
			}
		}
		if err == nil {
			s.say("no node is locked")
		}
		return err
	})
}
