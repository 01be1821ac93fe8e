package plan

import (
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
)

// planWorker plans a worker: its kubeconfigs, and its balancer, which is installed,
// changed or removed.
func (in *Input) planWorker(n inventory.Node, f *node.Facts) (NodePlan, error) {
	if member.HasSpeaker(f) { // Leavers has it where it is cleaned
		return NodePlan{}, &refusal.Error{Refusals: []refusal.Refusal{{
			Node: n.Name, What: "kplb's keepalived is on it, of its time as a control-plane node, and may hold " + inventory.Join(in.Cluster.VIPs, " and "),
			Hint: "run `kplb apply`, without --forget: it cleans the node first",
		}}}
	}
	c, ca := in.Cluster, f.Files[f.Distribution.Layout().CA].Content
	b := newBuilder(c, n, f)
	b.HAProxyListens = nil
	kubelet := b.pointAtVIP
	switch {
	case c.WorkerBalancer != nil:
		if err := in.planBalancer(b); err != nil {
			return b.NodePlan, err
		}
		kubelet = func(source []byte) ([]byte, error) { return pointAtBalancer(c, source, ca, balancers(f)) }
	case len(balancers(f)) > 0: // there is one that is no longer wanted
		s, err := in.snapshot(n, 0)
		if err != nil {
			return b.NodePlan, err
		}
		restorer{b, s}.balancer()
		kubelet = func(source []byte) ([]byte, error) { return pointAway(c, f, source, ca, s) }
	}
	b.planKubeconfigsWith(kubelet)
	if c.Endpoint != inventory.Leave {
		return b.NodePlan, nil
	}
	switch { // a kubelet that uses the balancer follows it
	case throughBalancer(f):
		b.editKubeconfig(f.Distribution.Layout().KubeletKubeconfig, kubelet)
	case c.WorkerBalancer != nil:
		b.note("gets a balancer that its kubelet does not use, because endpoint is leave: with endpoint: manage it does")
	}
	return b.NodePlan, nil
}
