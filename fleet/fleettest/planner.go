package fleettest

import (
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// Planner plans as a rollout does that asks no apiserver.
func Planner(f *fleet.Fleet) plan.Planner {
	return func(facts map[string]*node.Facts) func(inventory.Node) (plan.NodePlan, error) {
		set, err := render.Parse(templates.Builtin(), nil)
		in := plan.Input{Cluster: f.Cluster, Templates: set, Nodes: f.Everyone(), Facts: facts, ExpectedStatus: "200", Now: time.Now()}
		return func(n inventory.Node) (plan.NodePlan, error) {
			if err != nil {
				return plan.NodePlan{}, err
			}
			return plan.MakeNode(in, n)
		}
	}
}
