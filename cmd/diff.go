package cmd

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/rollout"
	"github.com/kplb/kplb/terminal"
)

const diffLong = `Looks at every node and prints what apply would change there: a unified diff of each
file, with secrets blanked, and the consequences. Nothing is changed.

Where keepalived would start, the nodes listen for who else has the VIP or its virtual
router ID, as apply does.

With -o FILE.json the plan is saved; kplb apply FILE.json does exactly that, or refuses
because something has changed since. A plan that was saved with --replace-foreign,
--allow-unreachable, --take-over or --rename needs no such flag again.

A node that cannot be looked at is left out, and marked; with one it exits 1.

Exits 0 if there is nothing to do and 1 if there is.`

type diffOptions struct {
	command
	format         string // text, json or a file
	forget         []string
	replaceForeign bool

	allowUnreachable bool
	takeOver, rename bool
}

func newDiff(base command) *cobra.Command {
	o := diffOptions{command: base}
	c := &cobra.Command{
		Use:   "diff",
		Short: "Show what apply would change on the nodes",
		Long:  diffLong,
		Example: `  kplb diff -i cluster.yaml
  kplb diff -i cluster.yaml -o plan.json`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	addOutput(c, &o.format)
	c.Flags().Lookup("output").Usage = "text, json, or a FILE.json to save the plan to"
	addForget(c, &o.forget)
	addClaims(c, &o.takeOver, &o.rename)
	addReplaceForeign(c, &o.replaceForeign)
	addAllowUnreachable(c, &o.allowUnreachable)
	o.set.AddSSHFlags(c.Flags())
	return c
}

func addForget(c *cobra.Command, forget *[]string) {
	c.Flags().StringSliceVar(forget, "forget", nil, "`NODE`s that have left the inventory and are gone for good: they are not\ncleaned; one that still answers is refused")
}

// addClaims gives a command the flags that say whose nodes are.
func addClaims(c *cobra.Command, takeOver, rename *bool) {
	c.Flags().BoolVar(takeOver, "take-over", false, "take nodes over that are part of another cluster, by the record that they\nkeep: that cluster loses them, and is told nothing")
	c.Flags().BoolVar(rename, "rename", false, "give the cluster of the nodes' record the name that the inventory has")
}

func (o diffOptions) run(ctx context.Context) error {
	save := strings.HasSuffix(o.format, ".json")
	if err := checkOutput(o.format); err != nil && !save {
		return err
	}
	return o.shown(ctx, func(r *rollout.Rollout, _ *terminal.Progress) error {
		r.Forgotten, r.TakeOver, r.Rename = o.forget, o.takeOver, o.rename
		p, err := o.plan(ctx, r)
		if err != nil {
			return err
		}
		for _, note := range p.Notes() {
			o.say("%s", note)
		}
		switch {
		case save:
			err = savePlan(o.streams, o.set, p, permissions{o.replaceForeign, o.allowUnreachable, o.takeOver, o.rename}, o.format)
		case o.format == "json":
			err = report.JSON(o.out, report.Describe(p))
		default:
			err = report.WritePlan(o.out, p, o.colored(o.out))
		}
		if err != nil {
			return err
		}
		refused := r.RefuseSick(ctx, p, 0)
		if refused == nil && !p.NeedsAbsent() && (o.replaceForeign || p.RefuseForeign() == nil) { // else apply does not come so far
			refused = rollout.RefuseOthers(ctx, r.Fleet, p)
		}
		return o.judge(r.Fleet, p, refused, save)
	})
}

// plan plans as apply would; without a flag for that, it leaves out every node that
// cannot be looked at.
func (o diffOptions) plan(ctx context.Context, r *rollout.Rollout) (*plan.Plan, error) {
	if !o.allowUnreachable {
		return r.PlanReached(ctx)
	}
	r.Fleet.AllowUnreachable = true
	return r.Plan(ctx)
}

// judge says what apply would say to the plan.
func (o diffOptions) judge(f *fleet.Fleet, p *plan.Plan, sick error, save bool) error {
	absent, refused := fleet.Absent(f), errors.Join(p.RefuseAbsent(), sick)
	told := o.replaceForeign && save
	switch {
	case len(absent) == 0 && p.Empty():
		return nil
	case refused != nil:
		o.explain(refused)
		return &unwellError{noError{"changes pending, and `kplb apply` refuses them"}, errors.Join(refused, absent)}
	case len(absent) == 0:
		return &noError{pendingIn(p, told)}
	}
	left := "left out: " + strings.Join(slices.Sorted(maps.Keys(absent)), ", ")
	switch {
	case p.Empty():
		left = "nothing to do on the other nodes; " + left
	case p.RefuseForeign() != nil && !told:
		left = pendingIn(p, told) + "; " + left
	case fleet.Spare(f, absent) == nil:
		left = "changes pending; " + left + "; run `kplb apply --allow-unreachable`"
	default:
		left = "changes pending; " + left + ", without which `kplb apply` does not go on"
	}
	return &unwellError{noError{left}, absent}
}

// pendingIn is what to do about changes; told says that the plan was saved with what
// it needs.
func pendingIn(p *plan.Plan, told bool) string {
	if p.RefuseForeign() != nil && !told {
		return "changes pending, and what is not kplb's would end: `kplb apply` refuses without --replace-foreign"
	}
	return "changes pending; run `kplb apply`"
}
