package inventory

import (
	"fmt"
	"net/netip"
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
	At       section
	Port     scalar `key:"port"`
	Strategy scalar `key:"strategy"`
}

const defaultBalancerPort = 7443 // as k0s has it

// readWorkerBalancer returns nil unless the file has the key: an empty mapping is one
// with nothing but defaults.
func readWorkerBalancer(c *collector, doc *document, cluster *Cluster) *WorkerBalancer {
	d := &doc.WorkerBalancer
	if !d.At.given {
		return nil
	}
	if doc.Workers == nil {
		c.add(d.At.at, "workerBalancer has no workers", "list the nodes that get it below workers, or leave it out")
	}
	b := &WorkerBalancer{
		Port:     read(c, d.Port, portNumber, defaultBalancerPort),
		Strategy: Strategy(read(c, d.Strategy, oneOf([]string{string(RoundRobin), string(Failover)}, nil), string(RoundRobin))),
	}
	checkReserved(c, d.Port, b.Port)
	checkRange(c, d.Port, b.Port)
	if monitor := cluster.HAProxy.MonitorPort; monitor == b.Port {
		at := d.Port.at
		if !d.Port.given {
			at = doc.HAProxy.MonitorPort.at
		}
		c.add(at, fmt.Sprintf("workerBalancer.port and haproxy.monitorPort are both %d", b.Port), "give workerBalancer.port a port of its own")
	}
	return b
}
