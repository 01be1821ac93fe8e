package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/rollout"
)

const applyLong = `Makes the nodes what the inventory says, and proves it through the VIP.

Looks at all nodes, shows what would change (see kplb diff), asks, and then changes
one node after the other, the holder of the VIP last: the files are checked by the
node's own HAProxy and keepalived before the first one is put in place, apiservers
restart one at a time and only while the others are ready. At the end, /healthz is
asked through the VIP, with TLS verified. With nothing to do, nothing is touched.`

type applyOptions struct {
	yes, dryRun, overwrite bool
	format                 string
	patience               time.Duration
}

func newApply(s streams, set *settings) *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Use:   "apply",
		Short: "Make the nodes what the inventory says, and prove it",
		Long:  applyLong,
		Example: `  kplb apply --inventory cluster.yaml
  kplb apply --inventory cluster.yaml --dry-run
  kplb apply --inventory cluster.yaml --yes -o json`,
		RunE: func(c *cobra.Command, _ []string) error { return s.apply(c.Context(), set, o) },
	}
	f := c.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&o.dryRun, "dry-run", false, "stop after showing what would change")
	f.BoolVar(&o.overwrite, "overwrite-drift", false, "overwrite files that were edited by hand since kplb wrote them")
	f.DurationVar(&o.patience, "proof-timeout", time.Minute, "how long the proof may take to come true after a change")
	addOutput(c, &o.format)
	set.addSSHFlags(c.Flags())
	return c
}

func (s streams) apply(ctx context.Context, set *settings, o applyOptions) error {
	if err := checkOutput(o.format); err != nil {
		return err
	}
	progress := s.newProgress()
	defer progress.stop()
	r, err := s.newRollout(ctx, set, progress.event)
	if err != nil {
		return err
	}
	defer r.Close()
	plan, err := r.Plan(ctx)
	if err != nil {
		return err
	}
	if plan.Empty() {
		return s.applyNothing(ctx, r, plan, o)
	}
	if o.format == "text" {
		if err := s.printPlan(set, plan); err != nil {
			return err
		}
	}
	if o.dryRun {
		if o.format == "json" {
			if err := s.printJSON(describe(plan)); err != nil {
				return err
			}
		}
		return &noError{"there are differences; this was a dry run"}
	}
	if err := s.permit(ctx, plan, o); err != nil {
		return err
	}
	if err := r.Apply(ctx, plan); err != nil {
		return err
	}
	return s.proveApplied(ctx, r, plan, o, progress)
}

// applyNothing proves a cluster that is as it should be, with what was just
// seen of it.
func (s streams) applyNothing(ctx context.Context, r *rollout.Rollout, plan *rollout.Plan, o applyOptions) error {
	proof, err := r.Prove(ctx, plan)
	if err != nil {
		return err
	}
	if o.format == "text" {
		s.say("nothing to do: %d nodes are as the inventory says", len(plan.Nodes))
	}
	return s.printProof(proof, o.format)
}

// permit asks whether to go on.
func (s streams) permit(ctx context.Context, plan *rollout.Plan, o applyOptions) error {
	var edited []rollout.Refusal
	for _, n := range plan.Nodes {
		for _, path := range n.Overwrites() {
			edited = append(edited, rollout.Refusal{
				Node: n.Node.Name, What: path + " was edited by hand since kplb wrote it",
				Cure: "move the edit into the inventory or a template, or give --overwrite-drift to drop it",
			})
		}
	}
	if len(edited) > 0 && !o.overwrite {
		return &rollout.RefusedError{Refusals: edited}
	}
	if o.yes {
		return nil
	}
	return s.confirm(ctx, fmt.Sprintf("Carry this out on cluster %s?", plan.Cluster.Name))
}

func (s streams) proveApplied(ctx context.Context, r *rollout.Rollout, plan *rollout.Plan, o applyOptions, progress *progress) error {
	progress.event(rollout.Event{Step: "proving /healthz through the VIP", Usual: 5 * time.Second})
	var changed []string
	for _, n := range plan.Nodes {
		if !n.Empty() {
			changed = append(changed, n.Node.Name)
		}
	}
	proof, err := r.Verify(ctx, o.patience)
	progress.stop()
	if err == nil {
		err = s.printProof(proof, o.format)
	}
	if err != nil {
		var no *noError
		if errors.As(err, &no) {
			err = errors.New(no.what)
		}
		return &rollout.StoppedError{Changed: changed, Cause: err}
	}
	return nil
}
