package cmd

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

const applyLong = `Makes the nodes what the inventory says, and proves it through the VIP; or takes
everything back.

Looks at all nodes, shows what would change (see kplb diff), asks, and locks the
nodes. Every node checks the new files with its own HAProxy and keepalived before the
first one changes. Then one node changes after the other, the holder of the VIP last;
apiservers restart one at a time and only while the others are ready. A node that has
changed takes the change back by itself, unless it is confirmed: after /healthz was
proven through the VIP, over a new connection. So whatever happens to you, your
machine or the network meanwhile, every node comes to rest as before or as planned.
With nothing to do, nothing is touched.

Ctrl-C takes back what has changed, the node at work first, and says so; it comes too late
once the nodes confirm. A second Ctrl-C ends kplb at once: the nodes take the change back
by themselves.

A node that was taken out of the inventory goes back to what it was before kplb, and
then the others forget it. One that was added gets the VIP only when all others know it.`

type applyOptions struct {
	yes, dryRun, overwrite bool
	allowUnreachable       bool
	forget                 []string
	format                 string
	rollout.Options
}

func newApply(s streams, set *settings) *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Use:   "apply [PLAN.json]",
		Short: "Make the nodes what the inventory says, and prove it",
		Long:  applyLong,
		Example: `  kplb apply --inventory cluster.yaml
  kplb apply --inventory cluster.yaml --dry-run
  kplb diff --inventory cluster.yaml -o plan.json && kplb apply plan.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return s.applySaved(c.Context(), set, o, args[0])
			}
			return s.apply(c.Context(), set, o, nil)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "stop after showing what would change")
	f.BoolVar(&o.allowUnreachable, "allow-unreachable", false, "leave out nodes that cannot be reached, while the others are a majority;\nthey converge at the next apply")
	f.BoolVar(&o.overwrite, "overwrite-drift", false, "overwrite files that were edited by hand since kplb wrote them, without\nasking")
	addForget(c, &o.forget)
	o.addFlags(c)
	addOutput(c, &o.format)
	set.addSSHFlags(f)
	return c
}

// addFlags gives a command that changes nodes the flags for that.
func (o *applyOptions) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.DurationVar(&o.Window, "confirm-timeout", time.Minute, "how long a changed node waits for its confirmation, beyond the restart of\nits apiserver, before it takes the change back by itself")
	f.DurationVar(&o.Patience, "proof-timeout", time.Minute, "how long the proof may take to come true after a change")
	f.BoolVar(&o.Wait, "wait", false, "leave the confirmation to a person: `kplb confirm`")
}

func (o *applyOptions) check() error {
	if o.Window < 10*time.Second || o.Window > time.Hour {
		return &usageError{fmt.Errorf("confirm-timeout must be between 10s and 1h, not %s", o.Window)}
	}
	return checkOutput(o.format)
}

// operator says who is at work, for others who find the lock.
func operator() string {
	name, host := "somebody", "an unknown host"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return fmt.Sprintf("%s@%s, pid %d", name, host, os.Getpid())
}

// apply carries out what the inventory asks for; saved is a plan that it must
// still be, nil if there is none.
func (s streams) apply(ctx context.Context, set *settings, o applyOptions, saved *savedPlan) error {
	return s.change(ctx, set, o, func(r *rollout.Rollout, progress *progress) error {
		r.AllowUnreachable, r.Forgotten = o.allowUnreachable, o.forget
		p, err := r.Plan(ctx)
		if err != nil {
			return err
		}
		for _, note := range p.Notes() {
			s.say("%s", note)
		}
		if saved != nil {
			if err := saved.same(p); err != nil {
				return err
			}
		}
		if p.Empty() {
			return s.applyNothing(ctx, set, r, p, o)
		}
		return s.carryOut(ctx, set, r, p, o, progress)
	})
}

// carryOut shows a plan, asks, and carries it out.
func (s streams) carryOut(ctx context.Context, set *settings, r *rollout.Rollout, p *plan.Plan, o applyOptions, progress *progress) error {
	if o.format == "text" {
		if err := s.printPlan(set, p); err != nil {
			return err
		}
	}
	if o.dryRun {
		if o.format == "json" {
			if err := s.printJSON(describe(p)); err != nil {
				return err
			}
		}
		return &noError{"changes pending; this was a dry run"}
	}
	if err := s.permit(ctx, p, o); err != nil {
		return err
	}
	proof, err := r.Apply(ctx, p, o.Options)
	progress.stop()
	if proof != nil {
		if printErr := s.writeProof(proof, o.format); printErr != nil && err == nil {
			err = &rollout.StoppedError{Cause: printErr, Changed: p.Changing()} // done, whoever reads it or not
		}
	}
	if err == nil {
		err = s.moveLocal(set, p.Cluster, r.CA())
	}
	if err == nil && !proof.OK() {
		err = &noError{unproven(proof)}
	}
	return err
}

// unproven is why a change that lasts leaves something to be desired.
func unproven(p *verdict.Proof) string {
	if slices.ContainsFunc(p.Checks, func(c verdict.Check) bool { return c.MissingSAN }) {
		return "changed and confirmed, but not proven for clients that use the address: it is missing in the certificates"
	}
	return "changed and confirmed, but not every service answers"
}

// applyNothing proves a cluster that is as it should be, with what was just
// seen of it.
func (s streams) applyNothing(ctx context.Context, set *settings, r *rollout.Rollout, p *plan.Plan, o applyOptions) error {
	proof, err := verify.Prove(ctx, r.Fleet, p.Facts)
	if err == nil && !proof.Acceptable() {
		proof, err = verify.Installed(ctx, r.Fleet, fleet.Inspection{}, o.Patience) // a node may just have come back
	}
	if err != nil {
		return err
	}
	if o.format == "text" {
		s.say("nothing to do: %d nodes are as the inventory says", len(p.Nodes))
	}
	if err := s.moveLocal(set, p.Cluster, r.CA()); err != nil {
		return err
	}
	return s.printProof(proof, o.format)
}

// permit asks whether to go on.
func (s streams) permit(ctx context.Context, p *plan.Plan, o applyOptions) error {
	var edited []plan.Refusal
	for _, n := range p.Nodes {
		for _, path := range n.Overwrites() {
			edited = append(edited, plan.Refusal{
				Node: n.Node.Name, What: path + " was edited by hand since kplb wrote it",
				Hint: "move the edit into the inventory or a template, or give --overwrite-drift to drop it",
			})
		}
	}
	if len(edited) > 0 && !o.overwrite {
		refused := &plan.RefusedError{Refusals: edited}
		if o.yes || !isTerminal(s.in) {
			return refused
		}
		s.explain(refused)
		if err := s.confirm(ctx, "Overwrite what was edited by hand?"); err != nil {
			return err
		}
	}
	if o.yes {
		return nil
	}
	return s.confirm(ctx, fmt.Sprintf("Apply this to cluster %s?", p.Cluster.Name))
}
