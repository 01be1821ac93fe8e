package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/rollout"
)

const removeLong = `Brings every node back to what was there before kplb, and then removes what kplb keeps
there: the VIP goes, haproxy and keepalived do what they did before, the apiservers listen
where they did. It is a rollout like any other: planned, in order, proven (every apiserver
answers on its own address, nobody holds the VIP), and taken back if the proof fails.

Kubeconfigs, kubelets and the cluster's own records that kplb moved to the VIP go back to
where they pointed; certificates go back unless they were renewed since. Packages that
kplb installed stay.`

func newRemove(s streams, set *settings) *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Use:     "remove",
		Short:   "Bring the nodes back to what was there before kplb",
		Long:    removeLong,
		Example: `  kplb remove -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return s.remove(c.Context(), set, o) },
	}
	o.addFlags(c)
	addOutput(c, &o.format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) remove(ctx context.Context, set *settings, o applyOptions) error {
	return s.change(ctx, set, o, func(r *rollout.Rollout, progress *progress) error {
		if err := s.goBack(ctx, set, r, o, 0, progress); err != nil {
			return err
		}
		if err := s.moveLocalBack(set, r.Cluster, r.CA()); err != nil {
			return err
		}
		return r.Forget(ctx)
	})
}
