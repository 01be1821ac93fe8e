package rollout

import (
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

const (
	withMetrics     = home + "metrics: {listen: node, allowFrom: [10.1.0.254/32]}\n"
	metricsDir      = "/var/lib/prometheus/node-exporter"
	metricsDirNote  = "node-1: /var/lib/prometheus/node-exporter is not a directory there: /var/lib/prometheus/node-exporter/kplb.prom is written when node_exporter has made it"
	metricsFilesAre = "/etc/keepalived/kplb-metrics /etc/systemd/system/kplb-metrics.service /etc/systemd/system/kplb-metrics.timer /etc/systemd/system/timers.target.d/50-kplb.conf"
)

// TestPlanMetrics plans the files, the timer and the way in, and takes them
// away again when the inventory has no metrics any more.
func TestPlanMetrics(t *testing.T) {
	t.Parallel()
	with, without := rolloutOf(t, withMetrics), rolloutOf(t, home)
	first := func(r *Rollout, f *node.Facts) (NodePlan, *Plan) {
		t.Helper()
		facts := all(t, r, appliedOf)
		facts["node-1"] = f
		plan, err := r.plan(t.Context(), facts, planInput{})
		says(t, err, "")
		i := slices.IndexFunc(plan.Nodes, func(p NodePlan) bool { return p.Node.Name == "node-1" })
		return plan.Nodes[i], plan
	}
	member := with.Cluster.Nodes[0]

	added, plan := first(with, applied(t, without, member))
	same(t, "added", strings.Join(pathsOfChanges(added, false)[:4], " "), metricsFilesAre)
	same(t, "says so", slices.Contains(added.Consequences(), "kplb-metrics.timer: starts"), true)
	same(t, "units are read", added.units, true)
	same(t, "note", slices.Contains(plan.Notes(), metricsDirNote), true)

	f := applied(t, with, member)
	f.Units[render.MetricsTimer] = node.Unit{Load: "loaded", Active: "active", File: "static"}
	f.Files[metricsDir] = node.File{Mode: fs.ModeDir | 0o755}
	nothing, plan := first(with, f)
	same(t, "nothing to do", nothing.Empty(), true)
	same(t, "no note of node-1", slices.ContainsFunc(plan.Notes(), func(n string) bool { return strings.HasPrefix(n, "node-1: ") }), false)

	f.Units[render.MetricsTimer] = node.Unit{Load: "loaded", Active: "inactive", File: "static"}
	stopped, _ := first(with, f)
	same(t, "a stopped timer is started", stopped.units, true)

	f.Units[render.MetricsTimer] = node.Unit{Load: "loaded", Active: "active", File: "static"}
	gone, _ := first(without, f)
	same(t, "removed", strings.Join(pathsOfChanges(gone, true), " "), metricsFilesAre)
	same(t, "says so", slices.Contains(gone.Consequences(), "kplb-metrics.timer: stops, and what it has written goes"), true)
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
		r := rolloutOf(t, withMetrics)
		facts := all(t, r, freshOf)
		facts["node-2"].Listeners = append(facts["node-2"].Listeners, listener(c.at, c.process))
		_, err := r.plan(t.Context(), facts, planInput{})
		says(t, err, c.says)
	}
}

// TestCheckMetrics judges what Prometheus finds; a change is not taken back for it.
func TestCheckMetrics(t *testing.T) {
	t.Parallel()
	r := rolloutOf(t, withMetrics)
	member := r.Cluster.Nodes[0]
	told := func(f *node.Facts) string {
		checks := checkMetrics(r.Cluster, member, f)
		out := make([]string, 0, len(checks))
		for _, c := range checks {
			if !c.OK && (c.Cure == "" || !c.Bearable) {
				t.Errorf("%s has no cure, or is not bearable", c.What)
			}
			out = append(out, map[bool]string{true: "ok ", false: "NO "}[c.OK]+c.What+": "+c.Detail)
		}
		return strings.Join(out, "\n")
	}
	f := &node.Facts{Units: map[string]node.Unit{}, Files: map[string]node.File{}}
	same(t, "nothing", told(f), "NO kplb-metrics.timer runs: it does not\nNO haproxy has /metrics on 10.1.1.1:8406: it does not listen")
	f.Units[render.MetricsTimer] = node.Unit{Active: "active"}
	f.Listeners = []node.Listener{{Address: netip.MustParseAddrPort("10.1.1.1:8406"), Process: "haproxy"}}
	same(t, "no directory", told(f), "ok kplb-metrics.timer runs: "+metricsDir+" is not a directory there, and nothing is written\nok haproxy has /metrics on 10.1.1.1:8406: listens")
	f.Files[metricsDir] = node.File{Mode: fs.ModeDir | 0o755}
	same(t, "all of it", told(f), "ok kplb-metrics.timer runs: writes "+metricsDir+"/kplb.prom\nok haproxy has /metrics on 10.1.1.1:8406: listens")
	r.Cluster = parse(t, home)
	same(t, "none", told(f), "")
}
