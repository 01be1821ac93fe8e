package plan

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// identity finds out whether keepalived with its new keepalived.conf would not
// understand the adverts of keepalived with the old one. Then all nodes but the holder
// stop keepalived, the holder changes, and the others start keepalived again.
func (a activation) identity() {
	f := a.facts
	i := slices.IndexFunc(a.artifacts, func(a render.Artifact) bool { return a.Path == render.KeepalivedPath })
	file, there := f.Files[render.KeepalivedPath]
	if i < 0 || !there || f.Units["keepalived.service"].Active != "active" {
		return
	}
	was := vrrp.Identities(file.Content)
	if !vrrp.Clash(was, vrrp.Identities(a.artifacts[i].Content)) {
		return
	}
	a.Keepalived = node.Restart
	for _, id := range was { // the VIPs of the old keepalived.conf
		a.Holder = a.Holder || f.HoldsAny(id.VIPs())
	}
	a.StartKeepalivedLast = !a.Holder
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
func (b *builder) planFailback() {
	told := b.Keepalived == node.Start || b.Keepalived == node.Restart || b.Keepalived == node.Reload
	for _, g := range b.cluster.Groups() {
		highest := slices.MaxFunc(b.cluster.Nodes, func(m, n inventory.Node) int { return g.Priorities[m.Name] - g.Priorities[n.Name] })
		b.FailsBack = b.FailsBack || told && g.Failback && highest.Name == b.Node.Name && !b.facts.Holds(g.Announced())
	}
}
