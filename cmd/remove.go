package cmd

import (
	"context"

	"github.com/spf13/cobra"
)

const removeLong = `Brings every node back to what was there before kplb, and then removes what kplb keeps
there: the VIP goes, haproxy and keepalived do what they did before, the apiservers listen
where they did. It is a rollout like any other: planned, in order, proven (every apiserver
answers on its own address, nobody holds the VIP), and taken back if the proof fails.

Packages that kplb installed stay. Kubeconfigs that point at the VIP are yours to move.`

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
	if err := o.check(); err != nil {
		return err
	}
	progress := s.newProgress()
	defer progress.stop()
	r, err := s.newRollout(ctx, set, progress.event)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := s.goBack(ctx, set, r, o, 0, progress); err != nil {
		return err
	}
	if o.Wait {
		s.say("what kplb keeps on the nodes stays until `kplb remove` is run again")
		return nil
	}
	return r.Forget(ctx)
}
