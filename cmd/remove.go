package cmd

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
)

const removeLong = `Brings every node back to what was there before kplb, and then removes what kplb keeps
there: the VIP goes, haproxy and keepalived do what they did before, the apiservers listen
where they did. It is a rollout like any other: planned, in order, proven (every apiserver
answers on its own address, nobody holds the VIP), and taken back if the proof fails.

Kubeconfigs, kubelets and the cluster's own records that kplb moved to the VIP go back to
where they pointed; certificates go back unless they were renewed since. Packages that
kplb installed stay.

A node that kplb's files on the others name, and that the inventory lacks, would keep the
VIP: nothing is removed then.`

type removeOptions struct {
	changeOptions
	forget []string
}

func newRemove(base command) *cobra.Command {
	o := removeOptions{changeOptions: changeOptions{command: base}}
	c := &cobra.Command{
		Use:     "remove",
		Short:   "Bring the nodes back to what was there before kplb",
		Long:    removeLong,
		Example: `  kplb remove -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	addForget(c, &o.forget)
	o.addFlags(c)
	return c
}

func (o removeOptions) run(ctx context.Context) error {
	return o.change(ctx, func(r *rollout.Rollout, progress *terminal.Progress) error {
		r.Forgotten = o.forget
		if err := o.goBack(ctx, r, 0, progress); err != nil {
			return err
		}
		if err := moveLocalBack(o.streams, r.Fleet.Cluster, r.Fleet.CA()); err != nil {
			return err
		}
		if err := r.Forget(ctx); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(fleet.Absent(r.Fleet))) {
			o.say("%s still has what kplb put there, and takes the VIP when it is back: run `kplb remove` again then", name)
		}
		return nil
	})
}
