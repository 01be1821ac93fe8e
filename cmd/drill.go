package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
	"github.com/kplb/kplb/verify"
)

const drillLong = `Breaks things on purpose, one at a time, puts them back, and shows what the clients of
the VIP notice: how long nobody was answered, how many connections failed, who took over
and when, whether two nodes held the VIP at once. Meanwhile it asks the VIP every few
milliseconds over new TLS connections, verified against the cluster's CA, and holds one
connection for each control-plane node; from this machine, or through SSH from a node that
is not broken where this machine has no way to the VIP.

It does not start unless kplb verify passes, verifies again before each fault and at the
end, and refuses what the others cannot do without: the only node, etcd's majority. The
nodes are locked meanwhile, so that no apply runs.

Before it breaks anything, the node itself is told to put it back: by a timer of its
systemd, 15 s after --for, and a link that is down by the node alone, after --for. So it is
put back when you press Ctrl-C, when your machine is gone, and when the node reboots:
nothing on a disk is changed.

An apiserver is not killed: kubelet starts it again when it likes, after minutes at worst.
It is frozen (it accepts, and never answers) or cut off (it is silent), and both surely end.

Exits 0 if everything is proven at the end, and 1 if not, or if a figure is worse than in
the baseline: by more than the tolerance, and by more than 100 ms.`

type drillOptions struct {
	command
	drill.Options
	yes, power       bool
	faults           []string
	format           string
	report, baseline string
	tolerance        float64
	base             *drill.Summary
}

func newDrill(base command) *cobra.Command {
	o := drillOptions{command: base}
	c := &cobra.Command{
		Use:   "drill",
		Short: "Break things on purpose, and measure what clients notice",
		Long:  drillLong + "\n\n" + faultTable(),
		Example: `  kplb drill -i cluster.yaml --report drill.html
  kplb drill -i cluster.yaml --fault haproxy-killed --rounds 10
  kplb drill -i cluster.yaml --yes -o json > now.json
  kplb drill -i cluster.yaml --yes --baseline now.json`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.StringSliceVar(&o.faults, "fault", nil, "`NAME` of what is broken, may be given several times; by default all\nbut node-off")
	f.StringVar(&o.Node, "node", "", "`NODE` that is broken, by default the one that holds the VIP when it\nis time")
	f.IntVar(&o.Rounds, "rounds", 1, "how often")
	f.DurationVar(&o.Lasts, "for", 10*time.Second, "how long each fault lasts, 2s to 1m")
	f.DurationVar(&o.Every, "every", 10*time.Millisecond, "how often a new connection begins")
	f.DurationVar(&o.Limit, "timeout", time.Second, "when a connection without an answer has failed")
	f.DurationVar(&o.Patience, "proof-timeout", time.Minute, "how long it may take until everything is proven again")
	f.BoolVar(&o.power, "i-can-power-it-on", false, "node-off, too: you power the node on when kplb asks you to")
	f.DurationVar(&o.Power, "power-timeout", 10*time.Minute, "how long kplb waits for that")
	f.StringVar(&o.report, "report", "", "write a page to `FILE.html`, for others to see")
	f.StringVar(&o.baseline, "baseline", "", "compare with `FILE.json`, which -o json has written")
	f.Float64Var(&o.tolerance, "tolerance", 0.25, "by what share a figure may be worse than in the baseline")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	addOutput(c, &o.format)
	o.set.AddSSHFlags(f)
	_ = c.RegisterFlagCompletionFunc("fault", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { // the flag exists
		out := make([]string, 0, len(drill.Faults()))
		for _, f := range drill.Faults() {
			out = append(out, f.Name+"\t"+f.Does)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	})
	_ = c.RegisterFlagCompletionFunc("node", func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) { // as above
		return completeNodes(c, o.set), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

func (o drillOptions) run(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	p := terminal.NewProgress(o.err)
	defer p.Stop()
	return o.onNodes(ctx, p.Event, func(r *rollout.Rollout) error {
		if o.Node != "" && !slices.Contains(inventory.Names(r.Fleet.Cluster.Nodes), o.Node) {
			return &usageError{fmt.Errorf("node must be one of the control-plane nodes %s, not %q", strings.Join(inventory.Names(r.Fleet.Cluster.Nodes), ", "), o.Node)}
		}
		proof, err := verify.Look(ctx, r.Fleet, fleet.Inspection{})
		if err == nil {
			err = r.Fleet.RefuseLocked()
		}
		if err != nil {
			return err
		}
		if !proof.OK() {
			sayNoes(o.streams, proof)
			return &noError{"not proven, so the drill does not start"}
		}
		if err := o.permit(ctx, r.Fleet.Cluster.Name); err != nil {
			return err
		}
		report, proof, err := drill.Perform(ctx, r.Fleet, o.Options)
		p.Stop()
		return o.judge(report, proof, err)
	})
}

// permit says what will be broken, and asks.
func (o drillOptions) permit(ctx context.Context, cluster string) error {
	on := o.Node
	if on == "" {
		on = "the VIP's holder"
	}
	for _, f := range o.Faults {
		o.say("will break %s: %s: %s; put back: %s", on, f.Name, f.Does, f.Mends)
	}
	if o.yes {
		return nil
	}
	times := ""
	if o.Rounds != 1 {
		times = fmt.Sprintf(", %d times", o.Rounds)
	}
	return o.confirm(ctx, fmt.Sprintf("Break cluster %s like this, one at a time for %s each%s?", cluster, o.Lasts, times))
}

// faultTable lists the faults for the help.
func faultTable() string {
	var b strings.Builder
	b.WriteString("Faults:\n")
	for _, f := range drill.Faults() {
		fmt.Fprintf(&b, "  %-18s  %s\n", f.Name, f.Does)
	}
	return strings.TrimRight(b.String(), "\n")
}

// completeNodes names the nodes; an inventory that cannot be read completes nothing.
func completeNodes(c *cobra.Command, set *settings) []string {
	if set.load(c) != nil {
		return nil
	}
	cluster, err := set.loadCluster()
	if err != nil {
		return nil
	}
	return inventory.Names(cluster.Nodes)
}
