package fleet

import (
	"context"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// Inspection says what an inspection asks beyond what every command needs.
type Inspection struct {
	// Unmanaged asks for what this inventory does not manage but an earlier one may have
	// managed: kubeconfigs, the firewall, and what ipvs needs of the kernel.
	Unmanaged bool
	VRRP      bool // the VRRP states in keepalived's journal
	Sysctls   bool // the kernel's values of the settings in kplb's file
}

// Of inspects one node of a fleet, in one round trip. The lock that the fleet holds itself
// is not in the facts.
func (i Inspection) Of(ctx context.Context, h node.Host, f *Fleet, n inventory.Node) (*node.Facts, error) {
	c := f.Cluster
	q := i.request(c, n)
	q.Token = lockToken(f)
	found, err := node.Inspect(ctx, h, DistributionOf(c), q)
	if err == nil && c.Exposure == inventory.IPVS && !n.Worker {
		found.Servers, found.Backends = IPVSServers(found, c), nil
	}
	return found, err
}

// request is the inspection of a node of this cluster.
func (i Inspection) request(c *inventory.Cluster, n inventory.Node) node.InspectRequest {
	filtered := !n.Worker && (i.Unmanaged || c.Firewall == inventory.Manage)
	l := LayoutOf(c)
	q := node.InspectRequest{
		Paths:       []string{l.CA, l.Certificate},
		Kubeconfigs: i.Unmanaged || c.Endpoint != inventory.Leave,
		MonitorPort: c.HAProxy.MonitorPort,
		Firewall:    filtered,
		Kernel:      !n.Worker && (i.Unmanaged || c.Exposure == inventory.IPVS),
		VRRP:        i.VRRP && !n.Worker,
		Sysctls:     i.Sysctls && !n.Worker,
	}
	if q.Kubeconfigs || n.Worker {
		q.Paths = append(q.Paths, l.Kubeconfigs()...)
	}
	if c.Metrics != nil && !n.Worker {
		q.Paths = append(q.Paths, c.Metrics.TextfileDir)
	}
	if filtered {
		q.Paths = append(q.Paths, firewall.ConfPath, firewall.DefaultsPath, firewall.RulesPath, firewall.Rules6Path)
	}
	if n.Worker {
		q.Kubelet = c.KubeletEndpoints()
		q.Ports = []uint16{q.Kubelet[0].Port(), c.HAProxy.Port, c.HAProxy.MonitorPort}
		return q
	}
	for _, p := range c.Ports() {
		q.Ports = append(q.Ports, p.Port)
	}
	return q
}
