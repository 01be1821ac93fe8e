package plan

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// planMetrics starts the timer if it should run and does not: it starts when systemd
// reads its unit files again.
func (n *NodePlan) planMetrics(f *node.Facts, artifacts []render.Artifact) {
	wanted := slices.ContainsFunc(artifacts, func(a render.Artifact) bool { return a.Path == render.MetricsTimerPath })
	if wanted && f.Units[render.MetricsTimer].Active != "active" {
		n.ReadUnits = true
	}
}

// noteMetrics notes that no metrics are written until their directory exists.
func (n *NodePlan) noteMetrics(c *inventory.Cluster, f *node.Facts) {
	if c.Metrics == nil {
		return
	}
	dir, there := f.Files[c.Metrics.TextfileDir]
	if !there || !dir.Mode.IsDir() {
		n.note("%s is not a directory: %s is written once node_exporter has created it", c.Metrics.TextfileDir, render.Textfile(c.Metrics))
	}
}

// metricsConsequence says what happens to the timer; empty: nothing.
func (n NodePlan) metricsConsequence() string {
	for _, c := range n.Changes {
		switch {
		case c.Path != render.MetricsTimerPath:
		case c.Remove:
			return render.MetricsTimer + ": stops, and its output is removed"
		case c.Was == nil:
			return render.MetricsTimer + ": starts"
		}
	}
	return ""
}
