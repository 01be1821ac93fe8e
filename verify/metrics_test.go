package verify

import (
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

const (
	withMetrics = home + "metrics: {listen: node, allowFrom: [10.1.0.254/32]}\n"
	metricsDir  = "/var/lib/prometheus/node-exporter"
)

// TestCheckMetrics judges what Prometheus finds; a change is not taken back for it.
func TestCheckMetrics(t *testing.T) {
	t.Parallel()
	r := fleetOf(t, withMetrics)
	n := r.Cluster.Nodes[0]
	told := func(f *node.Facts) string {
		checks := checkMetrics(r.Cluster, n, f)
		out := make([]string, 0, len(checks))
		for _, c := range checks {
			if !c.OK && (c.Hint == "" || !c.Advisory) {
				t.Errorf("%s has no hint, or is not advisory", c.What)
			}
			mark := "NO "
			if c.OK {
				mark = "ok "
			}
			out = append(out, mark+c.What+": "+c.Detail)
		}
		return strings.Join(out, "\n")
	}
	f := &node.Facts{Units: map[string]node.Unit{}, Files: map[string]node.File{}}
	same(t, "nothing", told(f), "NO kplb-metrics.timer runs: it does not\nNO haproxy has /metrics on 10.1.1.1:8406: it does not listen")
	f.Units[render.MetricsTimer] = node.Unit{Active: "active"}
	f.Listeners = []node.Listener{{Address: netip.MustParseAddrPort("10.1.1.1:8406"), Process: "haproxy"}}
	same(t, "no directory", told(f), "ok kplb-metrics.timer runs: "+metricsDir+" is not a directory, so nothing is written\nok haproxy has /metrics on 10.1.1.1:8406: listens")
	f.Files[metricsDir] = node.File{Mode: fs.ModeDir | 0o755}
	same(t, "all of it", told(f), "ok kplb-metrics.timer runs: writes "+metricsDir+"/kplb.prom\nok haproxy has /metrics on 10.1.1.1:8406: listens")
	r.Cluster = parse(t, home)
	same(t, "none", told(f), "")
}
