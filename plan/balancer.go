package plan

import (
	"fmt"
	"net/netip"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// planBalancer plans the files and the haproxy of a worker's balancer.
func (in *Input) planBalancer(p *NodePlan, f *node.Facts) error {
	facts := render.DefaultFacts(p.Node)
	facts.Expect = in.ExpectedStatus
	if f.HAProxy.Installed {
		facts.HAProxy = f.HAProxy.Version
	} else {
		p.Packages = append(p.Packages, "haproxy")
	}
	artifacts, err := in.Templates.Worker(in.Cluster, p.Node, facts)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Node.Name, err)
	}
	if err := render.ReadBackWorker(artifacts, in.Cluster); err != nil {
		return refusedFiles(p.Node, err)
	}
	for _, a := range artifacts {
		if change, differs := compare(p.Node, f, a, 0, 0); differs {
			p.Changes = append(p.Changes, change)
		}
	}
	if was := f.Files[render.HAProxyPath].Content; render.Stamp(was) == render.Unstamped && haproxy.Parse(was).Lines("bind") != nil {
		p.note("%s is in use and was not written by kplb: it is replaced, and `kplb remove` restores it", render.HAProxyPath)
	}
	p.HAProxyListens = []netip.AddrPort{in.Cluster.WorkerBalancer.Address()}
	p.planBalancerActions(f, artifacts)
	if f.Units["haproxy.service"].File != "enabled" {
		p.Enable = append(p.Enable, "haproxy.service")
	}
	return nil
}

// planBalancerActions decides whether the worker's haproxy starts, restarts or
// reloads.
func (n *NodePlan) planBalancerActions(f *node.Facts, artifacts []render.Artifact) {
	effects := n.effects(f, artifacts)
	n.ReadUnits = effects[render.UnitReload] || effects[render.HAProxyRestart]
	switch {
	case f.Units["haproxy.service"].Active != "active":
		n.HAProxy = node.Start
	case effects[render.HAProxyRestart]:
		n.HAProxy = node.Restart
	case effects[render.HAProxyReload]:
		n.HAProxy = node.Reload
	}
	n.Active = activeSums(artifacts)
}

// restoreBalancer restores a worker's haproxy to the state of a generation, if kplb's
// balancer is there now or was there then.
func (n *NodePlan) restoreBalancer(f *node.Facts, s *node.Snapshot) {
	then := balancersOf(s.Files[render.HAProxyPath].Content)
	if len(balancers(f))+len(then) == 0 {
		return
	}
	artifacts := n.restoreFiles(f, s, render.WorkerPaths())
	n.planBalancerActions(f, artifacts)
	unit, now := s.Units["haproxy"], f.Units["haproxy.service"] // the zero Unit where haproxy was not installed
	if unit.Active != "active" {
		n.HAProxy = node.Leave
		if now.Active == "active" {
			n.HAProxy = node.Stop
		}
	} else if len(then) > 0 {
		n.HAProxyListens = then[:1]
	}
	switch {
	case unit.File == "enabled" && now.File != "enabled":
		n.Enable = append(n.Enable, "haproxy.service")
	case unit.File != "enabled" && now.File == "enabled":
		n.Disable = append(n.Disable, "haproxy.service")
	}
}

// loopback is where a worker's balancer listens.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// balancersOf are the addresses on loopback at which an haproxy.cfg of kplb's
// listens: first the kubelet's, then the monitor page.
func balancersOf(config []byte) []netip.AddrPort {
	if render.Stamp(config) == render.Unstamped {
		return nil
	}
	var out []netip.AddrPort
	for _, at := range haproxy.Parse(config).Binds() {
		if at.Addr() == loopback {
			out = append(out, at)
		}
	}
	return out
}

// balancers are the addresses of a worker's balancer; none: it has no balancer of
// kplb's.
func balancers(f *node.Facts) []netip.AddrPort {
	return balancersOf(f.Files[render.HAProxyPath].Content)
}
