package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/doctor"
	"github.com/kplb/kplb/rollout"
)

const doctorLong = `Looks for everything that is in the way of an apply, from every node and between them:
somebody else who answers for the VIP or speaks VRRP with the same virtual router ID,
a firewall that stops VRRP (IP protocol 112) between two nodes, clocks that differ,
versions that are too old, a VIP inside of the pods' or services' network, ports that
NodePort services may take, SELinux and AppArmor. It takes about 5 seconds, in which the
nodes listen. Nothing is changed; each node sends the others four VRRP packets that
every VRRP speaker ignores.

A check that could not be made says "left out". Exits 0 if nothing is in the way and 1 if
something is.`

func newDoctor(s streams, set *settings) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Look for what is in the way, before the first change",
		Long:    doctorLong,
		Example: `  kplb doctor -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return s.doctor(c.Context(), set, format) },
	}
	addOutput(c, &format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) doctor(ctx context.Context, set *settings, format string) error {
	if err := checkOutput(format); err != nil {
		return err
	}
	return s.shown(ctx, set, func(r *rollout.Rollout, _ *progress) error {
		proof, err := doctor.Examine(ctx, r.Fleet)
		if err != nil {
			return err
		}
		if err := s.writeProof(proof, format); err != nil {
			return err
		}
		if !proof.OK() {
			return &noError{"something is in the way"}
		}
		return nil
	})
}
