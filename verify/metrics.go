package verify

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// checkMetrics checks what Prometheus will find. Its checks are advisory.
func checkMetrics(c *inventory.Cluster, n inventory.Node, f *node.Facts) []verdict.Check {
	if c.Metrics == nil {
		return nil
	}
	file := verdict.Check{
		Node: n.Name, What: "kplb-metrics.timer runs", OK: f.Units[render.MetricsTimer].Active == "active",
		Detail: "writes " + render.Textfile(c.Metrics), Advisory: true,
	}
	if dir, there := f.Files[c.Metrics.TextfileDir]; !there || !dir.Mode.IsDir() {
		file.Detail = c.Metrics.TextfileDir + " is not a directory, so nothing is written"
	}
	if !file.OK {
		file.Detail, file.Hint = "it does not", "run `kplb apply`"
	}
	if !c.Metrics.OnNode() {
		return []verdict.Check{file}
	}
	at := netip.AddrPortFrom(n.Address, c.Metrics.Port)
	port := verdict.Check{
		Node: n.Name, What: fmt.Sprintf("haproxy has /metrics on %s", at), Detail: "listens", Advisory: true,
		OK: slices.ContainsFunc(f.Listeners, func(l node.Listener) bool { return l.IsHAProxy() && l.Address == at }),
	}
	if !port.OK {
		port.Detail, port.Hint = "it does not listen", "run `kplb apply`"
	}
	return []verdict.Check{file, port}
}
