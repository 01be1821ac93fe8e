package rollout

import (
	"testing"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// whatPlan is a node's plan as a person would retell it.
type whatPlan struct {
	Files []string
	Says  []string // Consequences
}

func retell(n plan.NodePlan) whatPlan {
	out := whatPlan{Says: n.Consequences()}
	for _, c := range n.Files() {
		what := "new "
		if c.Was != nil {
			what = "changed "
		}
		if c.Remove {
			what = "removed "
		}
		out.Files = append(out.Files, what+c.Path)
	}
	return out
}

func planOf(t testing.TB, r *Rollout, facts map[string]*node.Facts) *plan.Plan {
	t.Helper()
	p, err := makePlan(t.Context(), r.Fleet, r.input(facts))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// of is the plan of one node.
func of(p *plan.Plan, name string) plan.NodePlan {
	for _, n := range p.Nodes {
		if n.Node.Name == name {
			return n
		}
	}
	panic(name)
}

// changeOf is the change of one file.
func changeOf(n plan.NodePlan, path string) *plan.Change {
	for _, c := range n.Changes {
		if c.Path == path {
			return &c
		}
	}
	return &plan.Change{}
}
