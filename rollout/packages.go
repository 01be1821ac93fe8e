package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// installPackages installs missing packages on all nodes at once, after every node has
// downloaded them. Their versions are known only then, so it plans again.
func (r *Rollout) installPackages(ctx context.Context, p *plan.Plan, lock *fleet.Lock) (*plan.Plan, error) {
	missing := func(n plan.NodePlan) bool { return len(n.Packages) > 0 }
	if !slices.ContainsFunc(p.Nodes, missing) {
		return p, nil
	}
	all := func(what string, check bool) error {
		return eachPlan(selected(p.Nodes, missing), func(n plan.NodePlan) error {
			h, err := r.Fleet.Connect(ctx, n.Node)
			if err != nil {
				return err
			}
			step := fleet.Event{Node: n.Node.Name, Step: what + " " + strings.Join(n.Packages, " and "), Usual: packagesUsual}
			return r.Fleet.Step(step, func() error {
				return node.InstallPackages(ctx, h, node.PackagesRequest{Names: n.Packages, Token: lock.Token, FetchOnly: check})
			})
		})
	}
	if err := all("fetching", true); err != nil {
		return nil, err
	}
	err := all("installing", false)
	if err == nil {
		p, err = r.plan(ctx, inspectionFor(p))
	}
	if err != nil {
		return nil, fmt.Errorf("after installing packages (they stay installed): %w", err)
	}
	return p, nil
}
