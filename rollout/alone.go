package rollout

import (
	"context"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// planAlone has HAProxy do what it did before kplb, where kplb has it for
// another exposure and the kernel is to balance alone.
func (r *Rollout) planAlone(ctx context.Context, p *NodePlan, f *node.Facts) error {
	if r.Cluster.Exposure != inventory.IPVS || render.Stamp(f.Files[render.HAProxyPath].Content) == render.Unstamped {
		return nil
	}
	before := &node.Snapshot{}
	if f.Generation() != "" {
		s, err := r.snapshot(ctx, p.Node, 0)
		if err != nil {
			return err
		}
		before = s
	}
	if was, there := before.Files[render.HAProxyPath]; there {
		config := render.Artifact{Path: render.HAProxyPath, Mode: was.Mode, Content: was.Content, Effect: render.HAProxyReload}
		i := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Path == render.HAProxyPath }) // planStale would remove it
		p.Changes[i], _ = compare(p.Node, f, config, was.UID, was.GID)
	}
	unit, now := before.Units["haproxy"], f.Units["haproxy.service"]
	switch {
	case unit.Active == "active":
		p.HAProxy = node.Restart
	case now.Active == "active":
		p.HAProxy = node.Stop
	}
	if now.File == "enabled" && unit.File != "enabled" {
		p.Disable = append(p.Disable, "haproxy.service")
	}
	return nil
}
