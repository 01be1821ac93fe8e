package plan

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// planIdentity looks whether the running keepalived has to become another
// VRRP speaker. Then all but the holder stop their keepalived, the holder
// changes, and the others start theirs.
func (n *NodePlan) planIdentity(f *node.Facts, artifacts []render.Artifact) {
	i := slices.IndexFunc(artifacts, func(a render.Artifact) bool { return a.Path == render.KeepalivedPath })
	file, there := f.Files[render.KeepalivedPath]
	if i < 0 || !there || f.Units["keepalived.service"].Active != "active" {
		return
	}
	was := vrrp.Identities(file.Content)
	if !vrrp.Clash(was, vrrp.Identities(artifacts[i].Content)) {
		return
	}
	n.Keepalived = node.Restart
	for _, id := range was { // the VIPs that it has had until now
		n.Holder = n.Holder || f.HoldsAny(id.VIPs())
	}
	n.StartKeepalivedLast = !n.Holder
}

// oneSpeaks has all wait but one, where several nodes hold a VIP each: the
// last, which has all VIPs by then.
func oneSpeaks(plans []NodePlan) {
	speaks := false
	for i := range slices.Backward(plans) {
		p := &plans[i]
		if p.Keepalived == node.Restart && p.Holder {
			p.StartKeepalivedLast = p.StartKeepalivedLast || speaks
			speaks = true
		}
	}
}

// planFailback says where a keepalived that is told something new takes the
// VIP: with failback the highest priority does, as soon as it is well.
func (n *NodePlan) planFailback(c *inventory.Cluster, f *node.Facts) {
	told := n.Keepalived == node.Start || n.Keepalived == node.Restart || n.Keepalived == node.Reload
	for _, g := range c.Groups() {
		highest := slices.MaxFunc(c.Nodes, func(a, b inventory.Node) int { return g.Priorities[a.Name] - g.Priorities[b.Name] })
		n.FailsBack = n.FailsBack || told && g.Failback && highest.Name == n.Node.Name && !f.Holds(g.Announced())
	}
}
