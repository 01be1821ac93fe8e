package plan

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// planIdentity finds out whether keepalived with its new keepalived.conf would not
// understand the adverts of keepalived with the old one. Then all nodes but the holder
// stop keepalived, the holder changes, and the others start keepalived again.
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
	for _, id := range was { // the VIPs of the old keepalived.conf
		n.Holder = n.Holder || f.HoldsAny(id.VIPs())
	}
	n.StartKeepalivedLast = !n.Holder
}

// oneSpeaker leaves keepalived running only on the last of several holders, which has
// all VIPs by then.
func oneSpeaker(plans []NodePlan) {
	speaks := false
	for i := range slices.Backward(plans) {
		p := &plans[i]
		if p.Keepalived == node.Restart && p.Holder {
			p.StartKeepalivedLast = p.StartKeepalivedLast || speaks
			speaks = true
		}
	}
}

// planFailback finds out whether the node takes a VIP over when its keepalived reads
// the new file. With failback, the node with the highest priority does so as soon as
// its checks pass.
func (n *NodePlan) planFailback(c *inventory.Cluster, f *node.Facts) {
	told := n.Keepalived == node.Start || n.Keepalived == node.Restart || n.Keepalived == node.Reload
	for _, g := range c.Groups() {
		highest := slices.MaxFunc(c.Nodes, func(a, b inventory.Node) int { return g.Priorities[a.Name] - g.Priorities[b.Name] })
		n.FailsBack = n.FailsBack || told && g.Failback && highest.Name == n.Node.Name && !f.Holds(g.Announced())
	}
}
