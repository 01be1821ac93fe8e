package inventory

import "fmt"

// The ports that others take at any time: kube-proxy those of NodePort
// services, and the kernel, by default, those of outgoing connections.
const (
	firstNodePort, lastNodePort   = 30000, 32767
	firstEphemeral, lastEphemeral = 32768, 60999
)

// claim is a port that something on the nodes has already.
type claim struct {
	port uint16
	what string
}

// claims are the ports of kplb's own; peers' only where they count.
func claims(cluster *Cluster, peers bool) []claim {
	out := []claim{{cluster.Port, "port, that of the apiservers"}, {cluster.HAProxy.MonitorPort, "haproxy.monitorPort"}}
	if peers {
		out = append(out, claim{cluster.HAProxy.PeersPort, "haproxy.peersPort"})
	}
	return out
}

// freePort reports a port that something else has, or may take.
func (c *checker) freePort(s scalar, port uint16, claimed []claim) {
	c.reserved(s, port)
	const cure = "write a port that is free on every node, below 30000"
	switch {
	case port >= firstNodePort && port <= lastNodePort:
		c.add(s.at, fmt.Sprintf("%s %d is one of the NodePorts, %d to %d", s.path, port, firstNodePort, lastNodePort), cure)
	case port >= firstEphemeral && port <= lastEphemeral:
		c.add(s.at, fmt.Sprintf("%s %d is one of those that outgoing connections take, %d to %d", s.path, port, firstEphemeral, lastEphemeral), cure)
	}
	for _, other := range claimed {
		if port == other.port {
			c.add(s.at, fmt.Sprintf("%s %d is also %s", s.path, port, other.what), cure)
		}
	}
}

// peersPort checks the port of HAProxy's peers where it is used, or written.
func (c *checker) peersPort(doc *document, cluster *Cluster) {
	s, port := doc.HAProxy.PeersPort, cluster.HAProxy.PeersPort
	if s.given {
		c.freePort(s, port, claims(cluster, false))
		return
	}
	for _, other := range []scalar{doc.Port, doc.HAProxy.MonitorPort} {
		if n, f := portNumber(other); f == nil && other.ok && n == port && cluster.NeedsPeers() {
			c.add(other.at, fmt.Sprintf("%s %d is also the default of haproxy.peersPort", other.path, port), "give haproxy.peersPort a port of its own")
		}
	}
}
