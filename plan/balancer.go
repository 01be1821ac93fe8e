package plan

import (
	"fmt"
	"net/netip"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// planBalancer plans the files and the haproxy of a worker's balancer.
func (in *Input) planBalancer(b *builder) error {
	f, facts := b.facts, render.DefaultFacts(b.Node)
	facts.Expect = in.ExpectedStatus
	if f.HAProxy.Installed {
		facts.HAProxy = f.HAProxy.Version
	} else {
		b.Packages = append(b.Packages, "haproxy")
	}
	artifacts, err := in.Templates.Worker(in.Cluster, b.Node, facts)
	if err != nil {
		return fmt.Errorf("%s: %w", b.Node.Name, err)
	}
	if err := render.ReadBackWorker(artifacts, in.Cluster); err != nil {
		return refusedFiles(b.Node, err)
	}
	for _, a := range artifacts {
		b.putFile(a, 0, 0)
	}
	if was := f.Files[render.HAProxyPath].Content; render.Stamp(was) == render.Unstamped && haproxy.Parse(was).Lines("bind") != nil {
		b.note("%s is in use and was not written by kplb: it is replaced, and `kplb remove` restores it", render.HAProxyPath)
	}
	b.HAProxyListens = []netip.AddrPort{in.Cluster.WorkerBalancer.Address()}
	newActivation(b, artifacts).worker()
	if f.Units["haproxy.service"].File != "enabled" {
		b.Enable = append(b.Enable, "haproxy.service")
	}
	return nil
}

// balancer restores a worker's haproxy to the state of a generation, if kplb's
// balancer is there now or was there then.
func (r restorer) balancer() {
	f, s := r.facts, r.snapshot
	then := balancersOf(s.Files[render.HAProxyPath].Content)
	if len(balancers(f))+len(then) == 0 {
		return
	}
	artifacts := r.files(render.WorkerPaths())
	newActivation(r.builder, artifacts).worker()
	unit, now := s.Units["haproxy"], f.Units["haproxy.service"] // the zero Unit where haproxy was not installed
	if unit.Active != "active" {
		r.HAProxy = node.Leave
		if now.Active == "active" {
			r.HAProxy = node.Stop
		}
	} else if len(then) > 0 {
		r.HAProxyListens = then[:1]
	}
	switch {
	case unit.File == "enabled" && now.File != "enabled":
		r.Enable = append(r.Enable, "haproxy.service")
	case unit.File != "enabled" && now.File == "enabled":
		r.Disable = append(r.Disable, "haproxy.service")
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
