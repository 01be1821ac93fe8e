package render

import (
	"fmt"
	"regexp"

	"github.com/kplb/kplb/inventory"
)

// MetricsTimer starts the unit that runs MetricsPath, every half minute.
const MetricsTimer = "kplb-metrics.timer"

// The paths on a node whose cluster has metrics.
const (
	MetricsPath      = "/etc/keepalived/kplb-metrics" // writes what Textfile names
	MetricsUnitPath  = "/etc/systemd/system/kplb-metrics.service"
	MetricsTimerPath = "/etc/systemd/system/" + MetricsTimer
	MetricsBootPath  = "/etc/systemd/system/timers.target.d/50-kplb.conf"
)

// Textfile is what a node's kplb-metrics writes for node_exporter.
func Textfile(m *inventory.Metrics) string { return m.TextfileDir + "/kplb.prom" }

// metricsFiles are installed before keepalived.conf, which names the first.
var metricsFiles = []file{
	{"kplb-metrics.tmpl", MetricsPath, 0o755, NoEffect, "", false},
	{"kplb-metrics.service.tmpl", MetricsUnitPath, 0o644, UnitReload, "", false},
	{"kplb-metrics.timer.tmpl", MetricsTimerPath, 0o644, UnitReload, "", false},
	{"timers.target.conf.tmpl", MetricsBootPath, 0o644, UnitReload, "", false},
}

// metricsRules let Prometheus in. A rule knows single addresses only: where
// networks may ask, everybody gets as far as HAProxy, which refuses the others.
func metricsRules(c *inventory.Cluster, n inventory.Node) []Rule {
	if !c.Metrics.OnNode() {
		return nil
	}
	anybody := Rule{Protocol: "tcp", To: n.Address, Port: c.Metrics.Port}
	var out []Rule
	for _, p := range c.Metrics.AllowFrom {
		if !p.IsSingleIP() {
			return []Rule{anybody}
		}
		one := anybody
		one.From = p.Addr()
		out = once(out, one)
	}
	if len(out) == 0 {
		out = []Rule{anybody}
	}
	return out
}

// readBackMetrics checks that Prometheus finds what the inventory says, and that
// keepalived tells of itself.
func readBackMetrics(content map[string][]byte, c *inventory.Cluster, n inventory.Node) []error {
	if c.Metrics == nil {
		return nil
	}
	var errs []error
	want := func(path, what string) {
		if !regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(what) + `\s*$`).Match(content[path]) {
			errs = append(errs, fmt.Errorf("%s does not have %s", path, what))
		}
	}
	if c.Metrics.OnNode() {
		want(HAProxyPath, "bind "+hostport(n.Address, c.Metrics.Port))
	}
	want(KeepalivedPath, `notify "`+MetricsPath+`"`)
	return errs
}
