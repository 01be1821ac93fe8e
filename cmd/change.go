package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
	"github.com/kplb/kplb/verdict"
)

// changeOptions are those of the commands that change nodes: apply, rollback and
// remove.
type changeOptions struct {
	command
	rollout.Options
	yes, dryRun, overwrite, replaceForeign bool
	allowUnreachable                       bool
	format                                 string
}

// addFlags gives a command that changes nodes the flags for that.
func (o *changeOptions) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.DurationVar(&o.Window, "confirm-timeout", time.Minute, "how long a changed node waits for its confirmation, beyond the restart of\nits apiserver, before it takes the change back by itself")
	f.DurationVar(&o.Patience, "proof-timeout", time.Minute, "how long the proof may take to come true after a change")
	f.BoolVar(&o.Wait, "wait", false, "leave the confirmation to a person: `kplb confirm`")
	addReplaceForeign(c, &o.replaceForeign)
	addAllowUnreachable(c, &o.allowUnreachable)
	addOutput(c, &o.format)
	o.set.AddSSHFlags(f)
}

// addReplaceForeign gives a command the flag that --yes is not.
func addReplaceForeign(c *cobra.Command, replace *bool) {
	c.Flags().BoolVar(replace, "replace-foreign", false, "end what configurations serve or hold that kplb has not written, where it\nputs its own; --yes does not")
}

// addAllowUnreachable gives a command the flag that lets a minority be off.
func addAllowUnreachable(c *cobra.Command, allow *bool) {
	c.Flags().BoolVar(allow, "allow-unreachable", false, "leave out nodes that cannot be reached, while the others are a majority;\nnothing changes there before the next command that reaches them")
}

func (o changeOptions) check() error {
	if o.Window < 10*time.Second || o.Window > time.Hour {
		return &usageError{fmt.Errorf("confirm-timeout must be between 10s and 1h, not %s", o.Window)}
	}
	return checkOutput(o.format)
}

// change does something that may change the nodes, and shows its progress.
func (o changeOptions) change(ctx context.Context, do func(*rollout.Rollout, *terminal.Progress) error) error {
	if err := o.check(); err != nil {
		return err
	}
	return o.shown(ctx, func(r *rollout.Rollout, p *terminal.Progress) error {
		r.Fleet.AllowUnreachable = o.allowUnreachable
		return do(r, p)
	})
}

// goBack carries out the way to a generation.
func (o changeOptions) goBack(ctx context.Context, r *rollout.Rollout, to int, progress *terminal.Progress) error {
	then, p, err := r.PlanRollback(ctx, to)
	if then != r { // with an error, too
		defer then.Fleet.Close()
	}
	if err != nil {
		return err
	}
	for _, note := range p.Notes() {
		o.say("%s", note)
	}
	if p.Empty() {
		o.say("nothing to do: the nodes are as they were then")
		if o.dryRun || to == 0 {
			return nil
		}
		return o.record(ctx, then, p)
	}
	o.overwrite = true // whoever goes back wants the earlier files, whatever is there now
	return o.carryOut(ctx, then, p, progress)
}

// record gives the nodes that lack it the record of a plan that changes none.
func (o changeOptions) record(ctx context.Context, r *rollout.Rollout, p *plan.Plan) error {
	nodes, err := r.Record(ctx, p)
	if err == nil && len(nodes) > 0 {
		o.say("recorded as generation %d: %s", p.Record.Generation, strings.Join(nodes, ", "))
	}
	return err
}

// carryOut shows a plan, asks, and carries it out.
func (o changeOptions) carryOut(ctx context.Context, r *rollout.Rollout, p *plan.Plan, progress *terminal.Progress) error {
	if o.format == "text" {
		if err := report.WritePlan(o.out, p, o.colored(o.out)); err != nil {
			return err
		}
	}
	if o.dryRun {
		if o.format == "json" {
			if err := report.JSON(o.out, report.Describe(p)); err != nil {
				return err
			}
		}
		return &noError{"changes pending; this was a dry run"}
	}
	if err := o.permit(ctx, p); err != nil {
		return err
	}
	proof, err := r.Apply(ctx, p, o.Options)
	progress.Stop()
	if proof != nil {
		if printErr := report.WriteProof(o.out, proof, o.format); printErr != nil && err == nil {
			err = &rollout.StoppedError{Cause: printErr, Changed: p.Changing()} // done, whoever reads it or not
		}
	}
	if err == nil {
		err = moveLocal(o.streams, p.Cluster, r.Fleet.CA())
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

// permit asks whether to go on. What is not kplb's ends only by its own flag.
func (o changeOptions) permit(ctx context.Context, p *plan.Plan) error {
	if err := p.RefuseForeign(); err != nil && !o.replaceForeign {
		return err
	}
	var edited []refusal.Refusal
	for _, n := range p.Nodes {
		for _, path := range n.Overwrites() {
			edited = append(edited, refusal.Refusal{
				Node: n.Node.Name, What: path + " was edited by hand since kplb wrote it",
				Hint: "move the edit into the inventory or a template, or give --overwrite-drift to drop it",
			})
		}
	}
	if len(edited) > 0 && !o.overwrite {
		refused := &refusal.Error{Refusals: edited}
		if o.yes || !terminal.Is(o.in) {
			return refused
		}
		o.explain(refused)
		if err := o.confirm(ctx, "Overwrite what was edited by hand?"); err != nil {
			return err
		}
	}
	if o.yes {
		return nil
	}
	return o.confirm(ctx, fmt.Sprintf("Apply this to cluster %s?", p.Cluster.Name))
}
