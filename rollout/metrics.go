package rollout

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// textfileDir is the path to look at for node_exporter's directory, if there
// is to be one.
func textfileDir(c *inventory.Cluster, n inventory.Node) []string {
	if c.Metrics == nil || n.Worker {
		return nil
	}
	return []string{c.Metrics.TextfileDir}
}

// planMetrics has the timer started where it should run and does not: that is
// done where systemd reads its units again.
func (n *NodePlan) planMetrics(f *node.Facts, artifacts []render.Artifact) {
	wanted := slices.ContainsFunc(artifacts, func(a render.Artifact) bool { return a.Path == render.MetricsTimerPath })
	if wanted && f.Units[render.MetricsTimer].Active != "active" {
		n.units = true
	}
}

// noteMetrics says where nothing will be written.
func (n *NodePlan) noteMetrics(c *inventory.Cluster, f *node.Facts) {
	if c.Metrics == nil {
		return
	}
	dir, there := f.Files[c.Metrics.TextfileDir]
	if !there || !dir.Mode.IsDir() {
		n.note("%s is not a directory there: %s is written when node_exporter has made it", c.Metrics.TextfileDir, render.Textfile(c.Metrics))
	}
}

// refuseMetrics wants the port for Prometheus free.
func refuseMetrics(c *inventory.Cluster, n inventory.Node, f *node.Facts, refuse refuseFunc) {
	if !c.Metrics.OnNode() {
		return
	}
	for _, l := range f.Listeners {
		if addr := l.Address.Addr(); l.Process != node.HAProxyProcess && l.Address.Port() == c.Metrics.Port && (addr.IsUnspecified() || addr == n.Address) {
			refuse("metrics.port", "set metrics.port to a free port", "port %d of %s, for Prometheus, is taken by %s", c.Metrics.Port, addr, processName(l))
		}
	}
}

// checkMetrics judges what Prometheus will find. No change is taken back for it.
func checkMetrics(c *inventory.Cluster, n inventory.Node, f *node.Facts) []Check {
	if c.Metrics == nil {
		return nil
	}
	file := Check{
		Node: n.Name, What: "kplb-metrics.timer runs", OK: f.Units[render.MetricsTimer].Active == "active",
		Detail: "writes " + render.Textfile(c.Metrics), Bearable: true,
	}
	if dir, there := f.Files[c.Metrics.TextfileDir]; !there || !dir.Mode.IsDir() {
		file.Detail = c.Metrics.TextfileDir + " is not a directory there, and nothing is written"
	}
	if !file.OK {
		file.Detail, file.Cure = "it does not", "run `kplb apply`"
	}
	if !c.Metrics.OnNode() {
		return []Check{file}
	}
	at := netip.AddrPortFrom(n.Address, c.Metrics.Port)
	port := Check{
		Node: n.Name, What: fmt.Sprintf("haproxy has /metrics on %s", at), Detail: "listens", Bearable: true,
		OK: slices.ContainsFunc(f.Listeners, func(l node.Listener) bool { return l.Process == node.HAProxyProcess && l.Address == at }),
	}
	if !port.OK {
		port.Detail, port.Cure = "it does not listen", "run `kplb apply`"
	}
	return []Check{file, port}
}

// metricsConsequence says what becomes of the timer; empty: it stays.
func (n NodePlan) metricsConsequence() string {
	for _, c := range n.Changes {
		switch {
		case c.Path != render.MetricsTimerPath:
		case c.Remove:
			return render.MetricsTimer + ": stops, and what it has written goes"
		case c.Was == nil:
			return render.MetricsTimer + ": starts"
		}
	}
	return ""
}
