package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
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

Configurations of HAProxy and keepalived that kplb has not written, and that serve or
hold something which kplb does not carry on, are replaced only with --replace-foreign.

A node that was taken out of the inventory, or made a worker, goes back to what it was
before kplb, and then the others forget it. --forget is for a machine that is gone: nobody
may hear it any more. A node that was added gets the VIP only when all others know it.

With a node off, --allow-unreachable goes on while the others are a majority, unless that
node would clash with them when it is back.`

// applyOptions are those of apply; file is a plan that was saved, empty: none.
type applyOptions struct {
	changeOptions
	forget           []string
	takeOver, rename bool
	file             string
}

func newApply(base command) *cobra.Command {
	o := applyOptions{changeOptions: changeOptions{command: base}}
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
				o.file = args[0]
			}
			return o.run(c.Context())
		},
	}
	f := c.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "stop after showing what would change")
	f.BoolVar(&o.overwrite, "overwrite-drift", false, "overwrite files that were edited by hand since kplb wrote them, without\nasking")
	addForget(c, &o.forget)
	addClaims(c, &o.takeOver, &o.rename)
	o.addFlags(c)
	return c
}

// run carries out what the inventory asks for.
func (o applyOptions) run(ctx context.Context) error {
	var saved *savedPlan
	if o.file != "" {
		var err error
		if saved, err = readPlan(o.file); err != nil {
			return err
		}
		saved.complete(o.set)
		o.replaceForeign = o.replaceForeign || saved.ReplaceForeign
		o.allowUnreachable = o.allowUnreachable || saved.AllowUnreachable
		o.takeOver, o.rename = o.takeOver || saved.TakeOver, o.rename || saved.Rename
	}
	return o.change(ctx, func(r *rollout.Rollout, progress *terminal.Progress) error {
		r.Forgotten, r.TakeOver, r.Rename = o.forget, o.takeOver, o.rename
		p, err := r.PlanChange(ctx)
		if err != nil {
			return err
		}
		for _, note := range p.Notes() {
			o.say("%s", note)
		}
		if saved != nil {
			if err := saved.same(p); err != nil {
				return err
			}
		}
		if p.Empty() {
			return o.applyNothing(ctx, r, p)
		}
		return o.carryOut(ctx, r, p, progress)
	})
}

// applyNothing proves a cluster that is as it should be, with what was just
// seen of it.
func (o applyOptions) applyNothing(ctx context.Context, r *rollout.Rollout, p *plan.Plan) error {
	proof, err := verify.Prove(ctx, r.Fleet, p.Facts)
	if err == nil && !proof.Acceptable() {
		proof, err = verify.Installed(ctx, r.Fleet, fleet.Inspection{}, o.Patience) // a node may just have come back
	}
	if err != nil {
		return err
	}
	if o.format == "text" {
		o.say("nothing to do: %d nodes are as the inventory says", len(p.Nodes))
	}
	if err := moveLocal(o.streams, p.Cluster, r.Fleet.CA()); err != nil {
		return err
	}
	if proof.Acceptable() && !o.dryRun {
		if err := o.record(ctx, r, p); err != nil {
			return err
		}
	}
	return printProof(o.out, proof, o.format)
}
