package cmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/rollout"
)

const diffLong = `Looks at every node and prints what apply would change there: a unified diff of each
file, with secrets blanked, and the consequences. Nothing is changed.

With -o FILE.json the plan is saved; kplb apply FILE.json does exactly that, or refuses
because something has changed since. A plan that was saved with --replace-foreign needs
no such flag again.

Exits 0 if there is nothing to do and 1 if there is.`

type diffOptions struct {
	command
	format         string // text, json or a file
	forget         []string
	replaceForeign bool
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
	addReplaceForeign(c, &o.replaceForeign)
	o.set.addSSHFlags(c.Flags())
	return c
}

func addForget(c *cobra.Command, forget *[]string) {
	c.Flags().StringSliceVar(forget, "forget", nil, "`NODE`s that have left the inventory and are gone for good: they are not\ncleaned")
}

func (o diffOptions) run(ctx context.Context) error {
	save := strings.HasSuffix(o.format, ".json")
	if err := checkOutput(o.format); err != nil && !save {
		return err
	}
	return o.shown(ctx, func(r *rollout.Rollout, _ *progress) error {
		r.Forgotten = o.forget
		p, err := r.Plan(ctx)
		if err != nil {
			return err
		}
		for _, note := range p.Notes() {
			o.say("%s", note)
		}
		switch {
		case save:
			err = savePlan(o.streams, o.set, p, o.replaceForeign, o.format)
		case o.format == "json":
			err = printJSON(o.out, describe(p))
		default:
			err = printPlan(o.streams, p)
		}
		if err == nil && !p.Empty() {
			err = &noError{pendingIn(p, o.replaceForeign && save)}
		}
		return err
	})
}

// pendingIn is what to do about changes; told says that the plan was saved with what
// it needs.
func pendingIn(p *plan.Plan, told bool) string {
	if p.RefuseForeign() != nil && !told {
		return "changes pending, and what is not kplb's would end: `kplb apply` refuses without --replace-foreign"
	}
	return "changes pending; run `kplb apply`"
}
