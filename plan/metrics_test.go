package plan

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

const (
	withMetrics     = home + "metrics: {listen: node, allowFrom: [10.1.0.254/32]}\n"
	metricsDir      = "/var/lib/prometheus/node-exporter"
	metricsDirNote  = "node-1: /var/lib/prometheus/node-exporter is not a directory: /var/lib/prometheus/node-exporter/kplb.prom is written once node_exporter has created it"
	metricsFilesAre = "/etc/keepalived/kplb-metrics /etc/systemd/system/kplb-metrics.service /etc/systemd/system/kplb-metrics.timer /etc/systemd/system/timers.target.d/50-kplb.conf"
)

// TestPlanMetrics plans the files, the timer and the way in, and takes them
// away again when the inventory has no metrics any more.
func TestPlanMetrics(t *testing.T) {
	t.Parallel()
	with, without := inputOf(t, withMetrics), inputOf(t, home)
	first := func(in *Input, f *node.Facts) (NodePlan, *Plan) {
		t.Helper()
		facts := all(t, in, applied)
		facts["node-1"] = f
		p, err := Make(in.with(facts))
		says(t, err, "")
		return p.of("node-1"), p
	}
	n := with.Cluster.Nodes[0]

	added, p := first(with, applied(t, without, n))
	same(t, "added", strings.Join(pathsOfChanges(added, false)[:4], " "), metricsFilesAre)
	same(t, "says so", slices.Contains(added.Consequences(), "kplb-metrics.timer: starts"), true)
	same(t, "units are read", added.ReadUnits, true)
	same(t, "note", slices.Contains(p.Notes(), metricsDirNote), true)

	f := applied(t, with, n)
	f.Units[render.MetricsTimer] = node.Unit{Load: "loaded", Active: "active", File: "static"}
	f.Files[metricsDir] = node.File{Mode: fs.ModeDir | 0o755}
	nothing, p := first(with, f)
	same(t, "nothing to do", nothing.Empty(), true)
	same(t, "no note of node-1", slices.ContainsFunc(p.Notes(), func(n string) bool { return strings.HasPrefix(n, "node-1: ") }), false)

	f.Units[render.MetricsTimer] = node.Unit{Load: "loaded", Active: "inactive", File: "static"}
	stopped, _ := first(with, f)
	same(t, "a stopped timer is started", stopped.ReadUnits, true)

	f.Units[render.MetricsTimer] = node.Unit{Load: "loaded", Active: "active", File: "static"}
	gone, _ := first(without, f)
	same(t, "removed", strings.Join(pathsOfChanges(gone, true), " "), metricsFilesAre)
	same(t, "says so", slices.Contains(gone.Consequences(), "kplb-metrics.timer: stops, and its output is removed"), true)
}

func pathsOfChanges(p NodePlan, removed bool) []string {
	var out []string
	for _, c := range p.Changes {
		if c.Remove == removed {
			out = append(out, c.Path)
		}
	}
	return out
}

// TestRefusedMetricsPort has something else on the port for Prometheus.
func TestRefusedMetricsPort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ at, process, says string }{
		{"10.1.1.2:8406", "node_exporter", "cluster.yaml:14:10: node-2: port 8406 of 10.1.1.2, for Prometheus, is taken by node_exporter"},
		{"[::]:8406", "", "cluster.yaml:14:10: node-2: port 8406 of ::, for Prometheus, is taken by an unknown process"},
		{at: "127.0.0.1:8406", process: "x"},
		{at: "10.1.1.2:8406", process: "haproxy"},
	} {
		in := inputOf(t, withMetrics)
		facts := all(t, in, freshOf)
		facts["node-2"].Listeners = append(facts["node-2"].Listeners, listener(c.at, c.process))
		_, err := Make(in.with(facts))
		says(t, err, c.says)
	}
}
