package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/rollout"
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
	drill.Options
	yes, power       bool
	faults           []string
	format           string
	report, baseline string
	tolerance        float64
	base             *drill.Summary
}

func newDrill(s streams, set *settings) *cobra.Command {
	var o drillOptions
	c := &cobra.Command{
		Use:   "drill",
		Short: "Break things on purpose, and measure what clients notice",
		Long:  drillLong + "\n\n" + faultTable(),
		Example: `  kplb drill -i cluster.yaml --report drill.html
  kplb drill -i cluster.yaml --fault haproxy-killed --rounds 10
  kplb drill -i cluster.yaml --yes -o json > now.json
  kplb drill -i cluster.yaml --yes --baseline now.json`,
		RunE: func(c *cobra.Command, _ []string) error { return s.drill(c.Context(), set, o) },
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
	set.addSSHFlags(f)
	_ = c.RegisterFlagCompletionFunc("fault", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { // the flag exists
		out := make([]string, 0, len(drill.Faults()))
		for _, f := range drill.Faults() {
			out = append(out, f.Name+"\t"+f.Does)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	})
	_ = c.RegisterFlagCompletionFunc("node", func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) { // as above
		return s.nodeNames(c, set), cobra.ShellCompDirectiveNoFileComp
	})
	return c
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

// nodeNames completes; an inventory that cannot be read completes nothing.
func (s streams) nodeNames(c *cobra.Command, set *settings) []string {
	if set.load(c) != nil {
		return nil
	}
	cluster, err := s.loadCluster(set)
	if err != nil {
		return nil
	}
	var out []string
	for _, n := range cluster.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// check completes the options, before anything is looked at.
func (o *drillOptions) check() error {
	if err := checkOutput(o.format); err != nil {
		return err
	}
	bad := func(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }
	switch {
	case o.Lasts < 2*time.Second || o.Lasts > time.Minute || o.Lasts%time.Second != 0:
		return bad("--for must be whole seconds between 2s and 1m, not %s", o.Lasts)
	case o.Every < time.Millisecond || o.Every > time.Second:
		return bad("--every must be between 1ms and 1s, not %s", o.Every)
	case o.Limit < o.Every || o.Limit > 10*time.Second:
		return bad("--timeout must be between %s and 10s, not %s", o.Every, o.Limit)
	case o.Rounds < 1:
		return bad("--rounds must be 1 or more, not %d", o.Rounds)
	case o.tolerance < 0:
		return bad("--tolerance must be 0 or more, not %g", o.tolerance)
	}
	if err := o.chooseFaults(); err != nil {
		return err
	}
	return o.openFiles()
}

func (o *drillOptions) chooseFaults() error {
	for _, f := range drill.Faults() {
		named := slices.Contains(o.faults, f.Name)
		if named && f.Off && !o.power {
			return &usageError{errors.New("node-off needs somebody who powers the node on: give --i-can-power-it-on if you can")}
		}
		if named || len(o.faults) == 0 && (!f.Off || o.power) {
			o.Faults = append(o.Faults, f)
		}
	}
	for _, name := range o.faults {
		if _, ok := drill.Named(name); !ok {
			var all []string
			for _, f := range drill.Faults() {
				all = append(all, f.Name)
			}
			return &usageError{fmt.Errorf("fault must be one of %s, not %q", strings.Join(all, ", "), name)}
		}
	}
	return nil
}

func (s streams) drill(ctx context.Context, set *settings, o drillOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	p := s.newProgress()
	defer p.stop()
	return s.onNodes(ctx, set, p.event, func(r *rollout.Rollout) error {
		if o.Node != "" && !slices.Contains(namesOf(r.Cluster), o.Node) {
			return &usageError{fmt.Errorf("node must be one of the control-plane nodes %s, not %q", strings.Join(namesOf(r.Cluster), ", "), o.Node)}
		}
		proof, err := verify.Installed(ctx, r.Fleet, fleet.Inspection{}, 0)
		if err != nil {
			return err
		}
		if !proof.OK() {
			s.sayNoes(proof)
			return &noError{"not proven, so the drill does not start"}
		}
		if err := s.permitDrill(ctx, o, r.Cluster.Name); err != nil {
			return err
		}
		report, proof, err := drill.Perform(ctx, r.Fleet, o.Options)
		p.stop()
		return s.judge(o, report, proof, err)
	})
}
