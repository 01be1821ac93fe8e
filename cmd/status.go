package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/rollout"
)

const statusLong = `Shows every node on one line: whether it holds the VIP, its daemons, what its HAProxy
sees, its generation, how many files drift from the inventory, and whether a change waits
to be confirmed or was taken back. Nothing is changed.

Exits 0 if all nodes are as the inventory says, and 1 if one is not.`

func newStatus(s streams, set *settings) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show the nodes, the VIP, generations and drift",
		Long:    statusLong,
		Example: `  kplb status -i cluster.yaml`,
		RunE:    func(c *cobra.Command, _ []string) error { return s.status(c.Context(), set, format) },
	}
	addOutput(c, &format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) status(ctx context.Context, set *settings, format string) error {
	if err := checkOutput(format); err != nil {
		return err
	}
	return s.onNodes(ctx, set, nil, func(r *rollout.Rollout) error {
		nodes, err := r.Status(ctx)
		if err != nil {
			return err
		}
		if format == "json" {
			err = s.printJSON(nodes)
		} else {
			err = s.printStatus(nodes)
		}
		if err == nil && slices.ContainsFunc(nodes, func(n rollout.NodeStatus) bool { return !n.AsPlanned() }) {
			err = &noError{"not every node is as the inventory says"}
		}
		return err
	})
}

func (s streams) printStatus(nodes []rollout.NodeStatus) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tVIP\tHAPROXY\tKEEPALIVED\tSERVERS UP\tGENERATION\tDRIFT\tPENDING")
	for _, n := range nodes {
		vip := map[bool]string{true: "holds it", false: "-"}[n.Holder]
		if len(n.VIPs) > 0 {
			vip = strings.Join(n.VIPs, " ")
		}
		servers := fmt.Sprintf("%d of %d", n.ServersUp, n.Servers)
		if n.Worker && !n.Balancer {
			servers = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", n.Node, vip, orDash(n.HAProxy), orDash(n.Keepalived), servers, orDash(n.Generation), len(n.Drift), orDash(n.Pending))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range nodes {
		for _, path := range n.Drift {
			s.say("%s: %s differs", n.Node, path)
		}
		for _, what := range n.Refused {
			s.say("%s: %s", n.Node, what)
		}
		if n.Restored != "" {
			s.say("%s: %s", n.Node, n.Restored)
		}
	}
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
