package plan

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// planIdentity finds out whether the new keepalived.conf makes another VRRP speaker
// of the running keepalived: one that does not understand those of before. Then
// all nodes but the holder stop their keepalived, the holder changes, and the
// others start theirs.
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

// oneSpeaker has only the last of several holders keep its keepalived running: by
// then that one has all VIPs.
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

// planFailback finds out whether the node takes a VIP when its keepalived reads the
// new file: with failback, the node with the highest priority does as soon as its
// checks pass.
func (n *NodePlan) planFailback(c *inventory.Cluster, f *node.Facts) {
	told := n.Keepalived == node.Start || n.Keepalived == node.Restart || n.Keepalived == node.Reload
	for _, g := range c.Groups() {
		highest := slices.MaxFunc(c.Nodes, func(a, b inventory.Node) int { return g.Priorities[a.Name] - g.Priorities[b.Name] })
		n.FailsBack = n.FailsBack || told && g.Failback && highest.Name == n.Node.Name && !f.Holds(g.Announced())
	}
}
