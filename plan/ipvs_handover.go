package plan

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// handOverToIPVS restores HAProxy to its state before kplb, if kplb has used it for
// another exposure: with exposure: ipvs the kernel balances.
func (in *Input) handOverToIPVS(p *NodePlan, f *node.Facts) error {
	if !in.leavesHAProxy(f) {
		return nil
	}
	before := &node.Snapshot{}
	if f.Generation() != "" {
		s, err := in.snapshot(p.Node, 0)
		if err != nil {
			return err
		}
		before = s
	}
	if was, there := before.Files[render.HAProxyPath]; there {
		config := render.Artifact{Path: render.HAProxyPath, Mode: was.Mode, Content: was.Content, Effect: render.HAProxyReload}
		i := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Path == render.HAProxyPath }) // removeStale has planned to remove it
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

// leavesHAProxy says whether the node has an haproxy.cfg of kplb's that exposure:
// ipvs does not need.
func (in *Input) leavesHAProxy(f *node.Facts) bool {
	return in.Cluster.Exposure == inventory.IPVS && render.Stamp(f.Files[render.HAProxyPath].Content) != render.Unstamped
}
