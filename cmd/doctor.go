package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/doctor"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
)

const doctorLong = `Looks for everything that is in the way of an apply, from every node and between them:
somebody else who answers for the VIP or speaks VRRP with the same virtual router ID,
a firewall that stops VRRP (IP protocol 112) between two nodes, clocks that differ,
versions that are too old, a VIP inside of the pods' or services' network, ports that
NodePort services may take, SELinux and AppArmor. It takes about 5 seconds, in which the
nodes listen. Nothing is changed; each node sends the others four VRRP packets that
every VRRP speaker ignores.

A node that cannot be asked is in the way, and the others are asked all the same. A check
that could not be made says "left out". Exits 0 if nothing is in the way and 1 if
something is.`

type doctorOptions struct {
	command
	format string
}

func newDoctor(base command) *cobra.Command {
	o := doctorOptions{command: base}
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Look for what is in the way, before the first change",
		Long:    doctorLong,
		Example: `  kplb doctor -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	addOutput(c, &o.format)
	o.set.AddSSHFlags(c.Flags())
	return c
}

func (o doctorOptions) run(ctx context.Context) error {
	if err := checkOutput(o.format); err != nil {
		return err
	}
	return o.shown(ctx, func(r *rollout.Rollout, _ *terminal.Progress) error {
		proof, err := doctor.Examine(ctx, r.Fleet)
		if err != nil {
			return err
		}
		if err := report.WriteProof(o.out, proof, o.format); err != nil {
			return err
		}
		if !proof.OK() {
			return &noError{"something is in the way"}
		}
		return nil
	})
}
