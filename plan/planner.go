package plan

import (
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// Planner plans single nodes, from what was found on all of them: what an apply would
// do there.
type Planner func(facts map[string]*node.Facts) func(inventory.Node) (NodePlan, error)
