package inventory

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	defaultMetricsPort = 8406
	// defaultTextfileDir is that of Debian's prometheus-node-exporter.
	defaultTextfileDir = "/var/lib/prometheus/node-exporter"
)

// readMetrics returns nil where the inventory says nothing of them.
func readMetrics(c *collector, d *metricsDocument, cluster *Cluster) *Metrics {
	if !d.At.given {
		return nil
	}
	m := &Metrics{
		Listen:      Listen(read(c, d.Listen, oneOf([]string{string(Loopback), string(NodesAddress)}, nil), string(Loopback))),
		TextfileDir: read(c, d.TextfileDir, nodeDirectory, defaultTextfileDir),
		AllowFrom:   readAll(c, d.AllowFrom.items, network),
	}
	port := read(c, d.Port, portNumber, defaultMetricsPort)
	if !m.OnNode() {
		if said := d.Listen.text; said == "" || said == string(Loopback) {
			needsListenNode(c, d.Port.place)
			needsListenNode(c, d.AllowFrom.place)
		}
		return m
	}
	m.Port = port
	checkMetricsPort(c, d, cluster, port)
	for _, s := range d.AllowFrom.items {
		p, f := network(s)
		if f == nil && slices.ContainsFunc(cluster.Nodes, func(n Node) bool { return n.Address.IsValid() && n.Address.Is4() != p.Addr().Is4() }) {
			c.add(s.at, fmt.Sprintf("%s %s is of another family than the nodes' addresses", s.path, p), "write a network that Prometheus comes from when it asks a node's address")
		}
	}
	return m
}

// needsListenNode reports a key that means something with listen: node alone.
func needsListenNode(c *collector, p place) {
	if p.given {
		c.add(p.at, p.path+" is of the nodes' addresses, where HAProxy does not listen for Prometheus", "write metrics.listen: node, or leave it out")
	}
}

// checkMetricsPort wants a port that nothing else has. Where the default is taken by
// another key, that key is named.
func checkMetricsPort(c *collector, d *metricsDocument, cluster *Cluster, port uint16) {
	claimed := claims(cluster, cluster.NeedsPeers())
	if d.Port.given {
		checkFreePort(c, d.Port, port, claimed)
		return
	}
	for _, other := range claimed {
		if other.port == port {
			c.add(d.At.at, fmt.Sprintf("metrics.port is %d, which is also %s", port, other.what), "write metrics.port: a port that is free on every node, below 30000")
		}
	}
}

var nodePath = regexp.MustCompile(`^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`)

// nodeDirectory parses paths of directories on the nodes that something is
// written to. kubelet runs what it finds below /etc/kubernetes, and others read
// what is in theirs.
func nodeDirectory(s scalar) (string, *fault) {
	if f := literal(s); f != nil {
		return "", f
	}
	const hint = "write the one that node_exporter has for --collector.textfile.directory, like " + defaultTextfileDir
	top, _, _ := strings.Cut(strings.TrimPrefix(s.text, "/"), "/")
	switch {
	case !nodePath.MatchString(s.text) || len(s.text) > 255:
		return "", &fault{"is not an absolute path of letters, digits, ., _ and -", hint}
	case slices.Contains([]string{"boot", "dev", "etc", "proc", "sys", "usr"}, top):
		return "", &fault{"is below /" + top + ", where other programs read what they find", hint}
	}
	return s.text, nil
}
