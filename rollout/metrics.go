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
