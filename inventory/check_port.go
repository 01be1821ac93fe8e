package inventory

import (
	"fmt"

	"github.com/kplb/kplb/source"
)

// portsInUse are those that every control-plane node already has a use for.
var portsInUse = map[uint16]string{
	22: "sshd", 2379: "etcd", 2380: "etcd", 2381: "etcd", 10248: "kubelet", 10250: "kubelet",
	10249: "kube-proxy", 10256: "kube-proxy", 10257: "kube-controller-manager", 10259: "kube-scheduler",
}

// checkReserved reports a port that a part of Kubernetes, or sshd, has.
func checkReserved(c *source.Collector, s source.Scalar, port uint16) {
	if user, ok := portsInUse[port]; ok && s.OK {
		c.Add(s.Pos, fmt.Sprintf("%s %d is the port of %s", s.Path, port, user), "write a port that is free on every node")
	}
}

// checkHAProxyPorts wants every port to be free on the nodes, and nobody's else.
func checkHAProxyPorts(c *source.Collector, doc *document, cluster *Cluster) {
	haproxy := &cluster.HAProxy
	if cluster.Exposure == IPVS { // no HAProxy has them, see readIPVS
		return
	}
	checkReserved(c, doc.HAProxy.Port, haproxy.Port)
	checkReserved(c, doc.HAProxy.MonitorPort, haproxy.MonitorPort)
	checkRange(c, doc.HAProxy.Port, haproxy.Port)
	switch {
	case cluster.Exposure.SharesPort() && haproxy.Port != cluster.Port:
		c.Add(doc.HAProxy.Port.Pos, fmt.Sprintf("haproxy.port is %d, and with exposure: %s HAProxy listens on the apiservers' own, %d", haproxy.Port, cluster.Exposure, cluster.Port),
			"leave haproxy.port out, or write exposure: port or exposure: redirect")
	case !cluster.Exposure.SharesPort() && haproxy.Port == cluster.Port:
		c.Add(first(doc.HAProxy.Port, doc.Port), fmt.Sprintf("haproxy.port and port are both %d, where every apiserver listens on all addresses", cluster.Port),
			"give haproxy.port a port of its own, or write exposure: shared-port")
	}
	switch haproxy.MonitorPort {
	case cluster.Port:
		c.Add(first(doc.HAProxy.MonitorPort, doc.Port), fmt.Sprintf("haproxy.monitorPort and port are both %d", cluster.Port), "give haproxy.monitorPort a port of its own")
	case haproxy.Port:
		c.Add(first(doc.HAProxy.MonitorPort, doc.HAProxy.Port), fmt.Sprintf("haproxy.monitorPort and haproxy.port are both %d", haproxy.Port), "give haproxy.monitorPort a port of its own")
	}
}

// first is the place of the first of several values that is in the file.
func first(scalars ...source.Scalar) source.Position {
	for _, s := range scalars {
		if s.Given {
			return s.Pos
		}
	}
	return source.Position{}
}

// The ports that others take at any time: NodePort services, by the default of
// --service-node-port-range, and outgoing connections, by that of
// net.ipv4.ip_local_port_range.
const (
	firstNodePort, lastNodePort   = 30000, 32767
	firstEphemeral, lastEphemeral = 32768, 60999
)

// checkRange wants a port that neither of them may take.
func checkRange(c *source.Collector, s source.Scalar, port uint16) {
	const hint = "write a port below 30000 that is free on every node"
	switch {
	case !s.OK:
	case port >= firstNodePort && port <= lastNodePort:
		c.Add(s.Pos, fmt.Sprintf("%s %d is in %d-%d, the ports of NodePort services", s.Path, port, firstNodePort, lastNodePort), hint)
	case port >= firstEphemeral && port <= lastEphemeral:
		c.Add(s.Pos, fmt.Sprintf("%s %d is in %d-%d, from which outgoing connections take theirs", s.Path, port, firstEphemeral, lastEphemeral), hint)
	}
}

// claim is a port that something on the nodes has already.
type claim struct {
	port uint16
	what string
}

// claims are the ports of kplb's own; peers' only where they count.
func claims(cluster *Cluster, peers bool) []claim {
	out := []claim{{cluster.Port, "port, that of the apiservers"}}
	for _, p := range cluster.balancerPorts()[1:] {
		if p.Port == cluster.Port && p.Key == "haproxy.port" {
			continue // it is said already
		}
		out = append(out, claim{p.Port, p.Key})
	}
	if peers {
		out = append(out, claim{cluster.HAProxy.PeersPort, "haproxy.peersPort"})
	}
	return out
}

// checkFreePort reports a port that something else has, or may take.
func checkFreePort(c *source.Collector, s source.Scalar, port uint16, claimed []claim) {
	checkReserved(c, s, port)
	checkRange(c, s, port)
	for _, other := range claimed {
		if port == other.port {
			c.Add(s.Pos, fmt.Sprintf("%s %d is also %s", s.Path, port, other.what), "write a port that is free on every node, below 30000")
		}
	}
}

// checkPeersPort checks the port of HAProxy's peers where it is used, or written.
func checkPeersPort(c *source.Collector, doc *document, cluster *Cluster) {
	s, port := doc.HAProxy.PeersPort, cluster.HAProxy.PeersPort
	if s.Given {
		checkFreePort(c, s, port, claims(cluster, false))
		return
	}
	for _, other := range []source.Scalar{doc.Port, doc.HAProxy.Port, doc.HAProxy.MonitorPort} {
		if n, f := source.PortNumber(other); f == nil && other.OK && n == port && cluster.NeedsPeers() {
			c.Add(other.Pos, fmt.Sprintf("%s %d is also the default of haproxy.peersPort", other.Path, port), "give haproxy.peersPort a port of its own")
		}
	}
}
