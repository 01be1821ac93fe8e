package render

import (
	"fmt"

	"github.com/kplb/kplb/inventory"
)

// The files that an export of metrics has.
const (
	AlertsName    = "kplb-alerts.yaml"    // rules for Prometheus
	DashboardName = "kplb-dashboard.json" // for Grafana
)

// exports are for other programs, and on no node. JSON has no comments, and so
// no place for a stamp.
var exports = []struct{ template, name, reader string }{
	{"kplb-alerts.yaml.tmpl", AlertsName, "Prometheus"},
	{"kplb-dashboard.json.tmpl", DashboardName, ""},
}

// Metrics renders what Prometheus and Grafana need to look after the cluster:
// alert rules and a dashboard, by their names.
func (t *Templates) Metrics(c *inventory.Cluster) (Tree, error) {
	tree := Tree{}
	for _, e := range exports {
		content, err := t.execute(e.template, data{Stamp: stampMark, Cluster: c})
		if err == nil && e.reader != "" {
			if content, err = stamp(content, c.Name, e.reader); err != nil {
				err = fmt.Errorf("template %s %w", e.template, err)
			}
		}
		if err != nil {
			return nil, err
		}
		tree[e.name] = Artifact{Path: e.name, Mode: 0o644, Content: content, Effect: NoEffect}
	}
	return tree, nil
}
