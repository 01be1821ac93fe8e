package rollout

import (
	"context"
	"slices"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// planIdentity looks whether the running keepalived has to become another
// VRRP speaker. Then all but the holder stop their keepalived, the holder
// changes, and the others start theirs.
func (p *NodePlan) planIdentity(f *node.Facts, artifacts []render.Artifact) {
	i := slices.IndexFunc(artifacts, func(a render.Artifact) bool { return a.Path == render.KeepalivedPath })
	file, there := f.Files[render.KeepalivedPath]
	if i < 0 || !there || f.Units["keepalived.service"].Active != "active" {
		return
	}
	was := vrrp.Identities(file.Content)
	if !vrrp.Clash(was, vrrp.Identities(artifacts[i].Content)) {
		return
	}
	p.Keepalived = node.Restart
	for _, id := range was { // the VIPs that it has had until now
		p.Holder = p.Holder || f.HoldsAny(id.VIPs())
	}
	p.waits = !p.Holder
}

// oneSpeaks has all wait but one, where several nodes hold a VIP each: the
// last, which has all VIPs by then.
func oneSpeaks(plans []NodePlan) {
	speaks := false
	for i := range slices.Backward(plans) {
		p := &plans[i]
		if p.Keepalived == node.Restart && p.Holder {
			p.waits = p.waits || speaks
			speaks = true
		}
	}
}

// planFailback says where a keepalived that is told something new takes the
// VIP: with failback the highest priority does, as soon as it is well.
func (p *NodePlan) planFailback(c *inventory.Cluster, f *node.Facts) {
	told := p.Keepalived == node.Start || p.Keepalived == node.Restart || p.Keepalived == node.Reload
	for _, g := range c.Groups() {
		highest := slices.MaxFunc(c.Nodes, func(a, b inventory.Node) int { return g.Priorities[a.Name] - g.Priorities[b.Name] })
		p.takes = p.takes || told && g.Failback && highest.Name == p.Node.Name && !f.Holds(g.Announced())
	}
}

// startWaiting starts the keepalived of nodes that have waited for the
// holder to change.
func (r *Rollout) startWaiting(ctx context.Context, p *Plan) error {
	waits := func(n NodePlan) bool { return n.waits }
	return r.eachPlan(p, waits, func(n NodePlan) error {
		h, err := r.host(ctx, n.Node)
		if err != nil {
			return err
		}
		n.HAProxy, n.Kubelet, n.Sysctl, n.units, n.Enable, n.Disable = node.Leave, node.Leave, node.SysctlLeave, false, nil, nil
		n.Keepalived, n.open, n.close = node.Start, nil, nil
		starting := Event{Node: n.Node.Name, Step: "starting keepalived", Usual: activateUsual}
		if err := r.step(starting, func() error { return node.Activate(ctx, h, r.activateRequest(n)) }); err != nil {
			return err
		}
		r.mu.Lock()
		r.activated = time.Now()
		r.mu.Unlock()
		r.report(Event{Node: n.Node.Name, Step: "changed", Done: true})
		return nil
	})
}
