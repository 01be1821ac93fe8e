package rollout

import (
	"context"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
)

// inspection is what is asked beyond what every command needs.
type inspection struct {
	wide   bool // kubeconfigs, although kplb does not look after them: it has to know whether it did
	status bool // what keepalived has told the journal
	audit  bool // what the kernel says to its settings
}

// inspect asks one node everything in one round trip.
func inspect(ctx context.Context, h node.Host, c *inventory.Cluster, n inventory.Node, more inspection) (*node.Facts, error) {
	f, err := node.Inspect(ctx, h, inspectRequest(c, n, more))
	if err == nil && c.Exposure == inventory.IPVS && !n.Worker {
		f.Servers, f.Backends = directs(f, c), nil
	}
	return f, err
}

// inspectRequest is what has to be known of a node of this cluster.
func inspectRequest(c *inventory.Cluster, n inventory.Node, more inspection) node.InspectRequest {
	filtered := !n.Worker && (more.wide || c.Firewall == inventory.Manage)
	q := node.InspectRequest{
		Paths:       []string{kubeadm.CAPath, kubeadm.CertificatePath},
		Kubeconfigs: more.wide || c.Endpoint != inventory.Leave,
		Ports:       []uint16{c.Port, c.HAProxy.Port, c.HAProxy.MonitorPort},
		MonitorPort: c.HAProxy.MonitorPort,
		Firewall:    filtered,
		Kernel:      !n.Worker && (more.wide || c.Exposure == inventory.IPVS),
		VRRP:        more.status && !n.Worker,
		Sysctls:     more.audit && !n.Worker,
	}
	if q.Kubeconfigs || n.Worker {
		q.Paths = append(q.Paths, kubeadm.AdminPath, kubeadm.SuperAdminPath, kubeadm.KubeletPath)
	}
	q.Paths = append(q.Paths, textfileDir(c, n)...)
	if filtered {
		q.Paths = append(q.Paths, firewall.ConfPath, firewall.DefaultsPath, firewall.RulesPath, firewall.Rules6Path)
	}
	if n.Worker {
		q.Kubelet = kubeletAt(c)
		q.Ports[0] = q.Kubelet[0].Port()
		return q
	}
	for _, p := range ownServicePorts(c) {
		q.Ports = append(q.Ports, p.port)
	}
	return q
}

// pathsOf is every path whose state belongs to a generation of the node.
func (r *Rollout) pathsOf(n inventory.Node) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.facts[n.Name]; f != nil {
		return f.ManagedPaths()
	}
	return node.ManagedPaths()
}
