package rollout

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// What VRRP speakers must agree on: one that differs does not hear the others,
// and takes the VIP (domain.md 5.6). Where it changes, all but the holder stop
// their keepalived, the holder changes, and then the others start theirs.
var identityLine = regexp.MustCompile(`(?m)^\s*(virtual_router_id|version|auth_type|auth_pass|unicast_src_ip)\b.*$|^\s*\d+\.\d+\.\d+\.\d+/\d+ dev .*$`)

var addressLine = regexp.MustCompile(`(?m)^\s*(\d+\.\d+\.\d+\.\d+)/\d+ dev `)

// identity is the part of a keepalived.conf that all nodes share.
func identity(config []byte) string {
	lines := identityLine.FindAllString(string(config), -1)
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		words := strings.Fields(line)
		if words[0] == "unicast_src_ip" { // that it is unicast, whatever the address
			words = words[:1]
		}
		if len(words) == 3 { // the VIP, whatever the interface
			words = words[:1]
		}
		out = append(out, strings.Join(words, " "))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// planIdentity looks whether the running keepalived has to become another
// VRRP speaker.
func (p *NodePlan) planIdentity(f *Facts, artifacts []render.Artifact) {
	i := slices.IndexFunc(artifacts, func(a render.Artifact) bool { return a.Path == render.KeepalivedPath })
	was, there := f.Files[render.KeepalivedPath]
	if i < 0 || !there || f.Units["keepalived.service"].Active != "active" || identity(was.Content) == identity(artifacts[i].Content) {
		return
	}
	p.Keepalived = Restart
	for _, m := range addressLine.FindAllSubmatch(was.Content, -1) { // of the VIP that it has had until now
		held, err := netip.ParseAddr(string(m[1]))
		p.Holder = p.Holder || err == nil && f.Holds(held)
	}
	p.waits = !p.Holder
}

// planFailback says where a keepalived that is told something new takes the
// VIP: with failback the highest priority does, as soon as it is well.
func (p *NodePlan) planFailback(c *inventory.Cluster) {
	highest := slices.MaxFunc(c.Nodes, func(a, b inventory.Node) int { return a.Priority - b.Priority })
	p.takes = c.VRRP.Failback && !p.Holder && highest.Name == p.Node.Name && (p.Keepalived == Start || p.Keepalived == Restart || p.Keepalived == Reload)
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
		r.report(Event{Node: n.Node.Name, Step: "starting keepalived", Usual: activateUsual})
		n.HAProxy, n.Kubelet, n.Sysctl, n.units, n.Enable, n.Disable = Leave, Leave, SysctlLeave, false, nil, nil
		n.Keepalived, n.open, n.close = Start, nil, nil
		if err := run(ctx, h, n.Node.Name, r.activateScript(n), nil); err != nil {
			return err
		}
		r.mu.Lock()
		r.activated = time.Now()
		r.mu.Unlock()
		r.report(Event{Node: n.Node.Name, Step: "changed", Done: true})
		return nil
	})
}
