package inventory

import (
	"fmt"
	"net/netip"

	"github.com/kplb/kplb/source"
)

// Strategy is how a worker's balancer chooses among the apiservers.
type Strategy string

// The strategies.
const (
	RoundRobin Strategy = "roundrobin" // a new connection goes to the apiserver that has the fewest of this node's
	Failover   Strategy = "failover"   // all go to one apiserver until it fails, then to the next, and stay there
)

// WorkerBalancer is the HAProxy that every worker has for itself: the worker's
// kubelet reaches the apiservers through it, on loopback, and needs no VIP.
type WorkerBalancer struct {
	Port     uint16 // on 127.0.0.1
	Strategy Strategy
}

// Address is where a worker's balancer listens.
func (b *WorkerBalancer) Address() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), b.Port)
}

// URL is what the kubeconfig of a worker's kubelet says.
func (b *WorkerBalancer) URL() string { return "https://" + b.Address().String() }

// KubeletEndpoints are where the kubelets of workers find the apiservers.
func (c *Cluster) KubeletEndpoints() []netip.AddrPort {
	if c.WorkerBalancer != nil {
		return []netip.AddrPort{c.WorkerBalancer.Address()}
	}
	return c.Entrances()
}

type workerBalancerDocument struct {
	At       source.Section
	Port     source.Scalar `key:"port"`
	Strategy source.Scalar `key:"strategy"`
}

const defaultBalancerPort = 7443 // as k0s has it

// readWorkerBalancer returns nil unless the file has the key: an empty mapping is one
// with nothing but defaults.
func readWorkerBalancer(c *source.Collector, doc *document, cluster *Cluster) *WorkerBalancer {
	d := &doc.WorkerBalancer
	if !d.At.Given {
		return nil
	}
	if doc.Workers == nil {
		c.Add(d.At.Pos, "workerBalancer has no workers", "list the nodes that get it below workers, or leave it out")
	}
	b := &WorkerBalancer{
		Port:     source.Read(c, d.Port, source.PortNumber, defaultBalancerPort),
		Strategy: Strategy(source.Read(c, d.Strategy, source.OneOf([]string{string(RoundRobin), string(Failover)}, nil), string(RoundRobin))),
	}
	checkReserved(c, d.Port, b.Port)
	checkRange(c, d.Port, b.Port)
	if monitor := cluster.HAProxy.MonitorPort; monitor == b.Port {
		at := d.Port.Pos
		if !d.Port.Given {
			at = doc.HAProxy.MonitorPort.Pos
		}
		c.Add(at, fmt.Sprintf("workerBalancer.port and haproxy.monitorPort are both %d", b.Port), "give workerBalancer.port a port of its own")
	}
	return b
}
