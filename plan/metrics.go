package plan

import "github.com/kplb/kplb/render"

// metrics starts the timer if it should run and does not: it starts when systemd
// reads its unit files again.
func (a activation) metrics() {
	wanted := hasFile(a.artifacts, render.MetricsTimerPath)
	if wanted && a.facts.Units[render.MetricsTimer].Active != "active" {
		a.ReadUnits = true
	}
}

// noteMetrics notes that no metrics are written until their directory exists.
func (b *builder) noteMetrics() {
	c := b.cluster
	if c.Metrics == nil {
		return
	}
	dir, there := b.facts.Files[c.Metrics.TextfileDir]
	if !there || !dir.Mode.IsDir() {
		b.note("%s is not a directory: %s is written once node_exporter has created it", c.Metrics.TextfileDir, render.Textfile(c.Metrics))
	}
}
