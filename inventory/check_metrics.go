package inventory

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kplb/kplb/source"
)

const (
	defaultMetricsPort = 8406
	// defaultTextfileDir is that of Debian's prometheus-node-exporter.
	defaultTextfileDir = "/var/lib/prometheus/node-exporter"
)

// readMetrics returns nil where the inventory says nothing of them.
func readMetrics(c *source.Collector, d *metricsDocument, cluster *Cluster) *Metrics {
	if !d.At.Given {
		return nil
	}
	m := &Metrics{
		Listen:      Listen(source.Read(c, d.Listen, source.OneOf([]string{string(Loopback), string(NodesAddress)}, nil), string(Loopback))),
		TextfileDir: source.Read(c, d.TextfileDir, nodeDirectory, defaultTextfileDir),
		AllowFrom:   readAll(c, d.AllowFrom.Items, network),
	}
	port := source.Read(c, d.Port, source.PortNumber, defaultMetricsPort)
	if !m.OnNode() {
		if said := d.Listen.Text; said == "" || said == string(Loopback) {
			needsListenNode(c, d.Port.Place)
			needsListenNode(c, d.AllowFrom.Place)
		}
		return m
	}
	m.Port = port
	checkMetricsPort(c, d, cluster, port)
	for _, s := range d.AllowFrom.Items {
		p, f := network(s)
		if f == nil && slices.ContainsFunc(cluster.Nodes, func(n Node) bool { return n.Address.IsValid() && n.Address.Is4() != p.Addr().Is4() }) {
			c.Add(s.Pos, fmt.Sprintf("%s %s is of another family than the nodes' addresses", s.Path, p), "write a network that Prometheus comes from when it asks a node's address")
		}
	}
	return m
}

// needsListenNode reports a key that means something with listen: node alone.
func needsListenNode(c *source.Collector, p source.Place) {
	if p.Given {
		c.Add(p.Pos, p.Path+" is of the nodes' addresses, where HAProxy does not listen for Prometheus", "write metrics.listen: node, or leave it out")
	}
}

// checkMetricsPort wants a port that nothing else has. Where the default is taken by
// another key, that key is named.
func checkMetricsPort(c *source.Collector, d *metricsDocument, cluster *Cluster, port uint16) {
	claimed := claims(cluster, cluster.NeedsPeers())
	if d.Port.Given {
		checkFreePort(c, d.Port, port, claimed)
		return
	}
	for _, other := range claimed {
		if other.port == port {
			c.Add(d.At.Pos, fmt.Sprintf("metrics.port is %d, which is also %s", port, other.what), "write metrics.port: a port that is free on every node, below 30000")
		}
	}
}

var nodePath = regexp.MustCompile(`^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`)

// nodeDirectory parses paths of directories on the nodes that something is
// written to. kubelet runs what it finds below /etc/kubernetes, and others read
// what is in theirs.
func nodeDirectory(s source.Scalar) (string, *source.Fault) {
	if f := source.Literal(s); f != nil {
		return "", f
	}
	const hint = "write the one that node_exporter has for --collector.textfile.directory, like " + defaultTextfileDir
	top, _, _ := strings.Cut(strings.TrimPrefix(s.Text, "/"), "/")
	switch {
	case !nodePath.MatchString(s.Text) || len(s.Text) > 255:
		return "", source.Refuse("is not an absolute path of letters, digits, ., _ and -", hint)
	case slices.Contains([]string{"boot", "dev", "etc", "proc", "sys", "usr"}, top):
		return "", source.Refuse("is below /"+top+", where other programs read what they find", hint)
	}
	return s.Text, nil
}
