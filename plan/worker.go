package plan

import (
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
)

// planWorker plans a worker: its kubeconfigs, and its balancer, which is installed,
// changed or removed.
func (in *Input) planWorker(n inventory.Node, f *node.Facts) (NodePlan, error) {
	c, ca := in.Cluster, f.Files[kubeadm.CAPath].Content
	p := newNodePlan(c, n, f)
	p.HAProxyListens = nil
	kubelet := func(source []byte) ([]byte, error) { return PointAtVIP(c, source, ca) }
	switch {
	case c.WorkerBalancer != nil:
		if err := in.planBalancer(&p, f); err != nil {
			return p, err
		}
		kubelet = func(source []byte) ([]byte, error) { return pointAtBalancer(c, source, ca, balancers(f)) }
	case len(balancers(f)) > 0: // there is one that is no longer wanted
		s, err := in.snapshot(n, 0)
		if err != nil {
			return p, err
		}
		p.restoreBalancer(f, s)
		kubelet = func(source []byte) ([]byte, error) { return pointAway(c, f, source, ca, s) }
	}
	p.planKubeconfigsWith(c, f, kubelet)
	if c.Endpoint != inventory.Leave {
		return p, nil
	}
	switch { // a kubelet that uses the balancer follows it
	case throughBalancer(f):
		p.editKubeconfig(f, kubeadm.KubeletPath, kubelet)
	case c.WorkerBalancer != nil:
		p.note("gets a balancer that its kubelet does not use, because endpoint is leave: with endpoint: manage it does")
	}
	return p, nil
}
