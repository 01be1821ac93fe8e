package rollout

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// planWorker plans a node that has no apiserver: its kubeconfigs, and its
// balancer, which comes, changes or goes.
func (r *Rollout) planWorker(ctx context.Context, n inventory.Node, f *node.Facts, in planInput) (NodePlan, error) {
	c, ca := r.Cluster, f.Files[kubeadm.CAPath].Content
	p := newNodePlan(c, n, f)
	p.serves = nil
	kubelet := func(source []byte) ([]byte, error) { return PointAtVIP(c, source, ca) }
	switch {
	case c.WorkerBalancer != nil:
		if err := r.planBalancer(&p, f, in.expect); err != nil {
			return p, err
		}
		kubelet = func(source []byte) ([]byte, error) { return pointAtBalancer(c, source, ca, balancers(f)) }
	case len(balancers(f)) > 0: // there was one
		s, err := r.snapshot(ctx, n, 0)
		if err != nil {
			return p, err
		}
		p.planBalancerBack(f, s)
		kubelet = func(source []byte) ([]byte, error) { return pointAway(c, f, source, ca, s) }
	}
	p.planEndpointWith(c, f, kubelet)
	if c.Endpoint != inventory.Leave {
		return p, nil
	}
	switch { // a kubelet that goes through the balancer already goes where that does
	case throughBalancer(f):
		p.editKubeconfig(f, kubeadm.KubeletPath, kubelet)
	case c.WorkerBalancer != nil:
		p.note("gets a balancer that its kubelet does not use, because endpoint is leave: with endpoint: manage it does")
	}
	return p, nil
}

// planBalancer compares a worker with the artifacts of its balancer.
func (r *Rollout) planBalancer(p *NodePlan, f *node.Facts, expect string) error {
	facts := render.DefaultFacts(p.Node)
	facts.Expect = expect
	if f.HAProxy.Installed {
		facts.HAProxy = f.HAProxy.Version
	} else {
		p.Packages = append(p.Packages, "haproxy")
	}
	artifacts, err := r.Templates.Worker(r.Cluster, p.Node, facts)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Node.Name, err)
	}
	if err := render.ReadBackWorker(artifacts, r.Cluster); err != nil {
		return &RefusedError{[]Refusal{{
			Node: p.Node.Name, What: "its files do not say what the inventory says: " + err.Error(),
			Cure: "compare your template with `kplb templates NAME`",
		}}}
	}
	for _, a := range artifacts {
		if change, differs := compare(p.Node, f, a, 0, 0); differs {
			p.Changes = append(p.Changes, change)
		}
	}
	if was := f.Files[render.HAProxyPath].Content; render.Stamp(was) == render.Unstamped && haproxy.Parse(was).Lines("bind") != nil {
		p.note("%s serves somebody already, and is not kplb's: ours takes its place, and it comes back with `kplb remove`", render.HAProxyPath)
	}
	p.serves = []netip.AddrPort{r.Cluster.WorkerBalancer.Address()}
	p.balancerConsequences(f, artifacts)
	if f.Units["haproxy.service"].File != "enabled" {
		p.Enable = append(p.Enable, "haproxy.service")
	}
	return nil
}

// balancerConsequences decides what the worker's haproxy has to do.
func (p *NodePlan) balancerConsequences(f *node.Facts, artifacts []render.Artifact) {
	effects := p.effects(f, artifacts)
	p.units = effects[render.UnitReload] || effects[render.HAProxyRestart]
	switch {
	case f.Units["haproxy.service"].Active != "active":
		p.HAProxy = node.Start
	case effects[render.HAProxyRestart]:
		p.HAProxy = node.Restart
	case effects[render.HAProxyReload]:
		p.HAProxy = node.Reload
	}
	p.active = activeSums(artifacts)
}

// planBalancerBack brings a worker's haproxy to a saved state, if kplb's
// balancer is there now, or was then.
func (p *NodePlan) planBalancerBack(f *node.Facts, s *node.Snapshot) {
	then := balancersOf(s.Files[render.HAProxyPath].Content)
	if len(balancers(f))+len(then) == 0 {
		return
	}
	artifacts := p.planFilesBack(f, s, render.WorkerPaths())
	p.balancerConsequences(f, artifacts)
	unit, now := s.Units["haproxy"], f.Units["haproxy.service"] // there is none where the package was not installed
	if unit.Active != "active" {
		p.HAProxy = node.Leave
		if now.Active == "active" {
			p.HAProxy = node.Stop
		}
	} else if len(then) > 0 {
		p.serves = then[:1]
	}
	switch {
	case unit.File == "enabled" && now.File != "enabled":
		p.Enable = append(p.Enable, "haproxy.service")
	case unit.File != "enabled" && now.File == "enabled":
		p.Disable = append(p.Disable, "haproxy.service")
	}
}

// loopback is where a worker's balancer listens.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// balancersOf is where an haproxy.cfg of kplb's listens on loopback: first for
// the kubelet, then for people.
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

// balancers is where a worker's balancer listens, if kplb has made one.
func balancers(f *node.Facts) []netip.AddrPort {
	return balancersOf(f.Files[render.HAProxyPath].Content)
}

// throughBalancer says whether the worker's kubelet is configured to go through
// the balancer that kplb has made.
func throughBalancer(f *node.Facts) bool {
	endpoints, err := kubeadm.Endpoints(f.Files[kubeadm.KubeletPath].Content, f.Files[kubeadm.CAPath].Content)
	return err == nil && slices.ContainsFunc(endpoints, func(e kubeadm.Endpoint) bool { return isOneOf(e.Server, balancers(f)) })
}

// isOneOf says whether a server of a kubeconfig is at one of the addresses.
func isOneOf(server string, addresses []netip.AddrPort) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	at, err := netip.ParseAddrPort(u.Host)
	return err == nil && slices.Contains(addresses, at)
}

// pointAtBalancer returns a kubelet's kubeconfig that goes through the worker's
// own balancer. The certificates of apiservers do not name loopback: it is told
// which of their names counts.
func pointAtBalancer(c *inventory.Cluster, source, ca []byte, ours []netip.AddrPort) ([]byte, error) {
	if err := elsewhere(source, ca, ours...); err != nil {
		return nil, err
	}
	return kubeadm.SetEndpointAs(source, ca, c.WorkerBalancer.URL(), apiserver.SharedName)
}

// pointAway returns a kubelet's kubeconfig that does not go through a balancer
// any more, which is about to go: it goes where it did before kplb, or through
// the VIP if kplb looks after that.
func pointAway(c *inventory.Cluster, f *node.Facts, source, ca []byte, s *node.Snapshot) ([]byte, error) {
	if !throughBalancer(f) {
		return PointAtVIP(c, source, ca)
	}
	back, err := kubeadm.EndpointsLikeIn(source, s.Files[kubeadm.KubeletPath].Content, ca)
	if err != nil || c.Endpoint == inventory.Leave {
		return back, err
	}
	return kubeadm.SetEndpoint(back, ca, c.EndpointURL())
}
