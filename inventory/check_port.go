package inventory

import "fmt"

// ports wants every port to be free on the nodes, and nobody's else.
func (c *checker) ports(doc *document, cluster *Cluster) {
	haproxy := &cluster.HAProxy
	if cluster.Exposure == IPVS { // no HAProxy has them, see director
		return
	}
	c.reserved(doc.HAProxy.Port, haproxy.Port)
	c.reserved(doc.HAProxy.MonitorPort, haproxy.MonitorPort)
	c.ranges(doc.HAProxy.Port, haproxy.Port)
	switch {
	case cluster.Exposure.SharesPort() && haproxy.Port != cluster.Port:
		c.add(doc.HAProxy.Port.at, fmt.Sprintf("haproxy.port is %d, and with exposure: %s HAProxy listens on the apiservers' own, %d", haproxy.Port, cluster.Exposure, cluster.Port),
			"leave haproxy.port out, or write exposure: port or exposure: redirect")
	case !cluster.Exposure.SharesPort() && haproxy.Port == cluster.Port:
		c.add(first(doc.HAProxy.Port, doc.Port), fmt.Sprintf("haproxy.port and port are both %d, where every apiserver listens on all addresses", cluster.Port),
			"give haproxy.port a port of its own, or write exposure: shared-port")
	}
	switch haproxy.MonitorPort {
	case cluster.Port:
		c.add(first(doc.HAProxy.MonitorPort, doc.Port), fmt.Sprintf("haproxy.monitorPort and port are both %d", cluster.Port), "give haproxy.monitorPort a port of its own")
	case haproxy.Port:
		c.add(first(doc.HAProxy.MonitorPort, doc.HAProxy.Port), fmt.Sprintf("haproxy.monitorPort and haproxy.port are both %d", haproxy.Port), "give haproxy.monitorPort a port of its own")
	}
}

// first is the place of the first of several values that is in the file.
func first(scalars ...scalar) Position {
	for _, s := range scalars {
		if s.given {
			return s.at
		}
	}
	return Position{}
}

// ranges wants a port that neither a NodePort service nor an outgoing
// connection may take: the defaults of --service-node-port-range and of
// net.ipv4.ip_local_port_range.
func (c *checker) ranges(s scalar, port uint16) {
	const instead = "write a port below 30000 that is free on every node"
	switch {
	case !s.ok:
	case port >= 30000 && port <= 32767:
		c.add(s.at, fmt.Sprintf("%s %d is in 30000-32767, the ports of NodePort services", s.path, port), instead)
	case port >= 32768 && port <= 60999:
		c.add(s.at, fmt.Sprintf("%s %d is in 32768-60999, from which outgoing connections take theirs", s.path, port), instead)
	}
}
