package plan

import (
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// TestRefuseConnections: a template may say what haproxy -c takes, and a reload does not survive.
func TestRefuseConnections(t *testing.T) {
	t.Parallel()
	n := inventory.Node{Name: "node-2"}
	for _, c := range []struct{ name, config, says string }{
		{"as many as there are files for", "global\n    maxconn 262094\n", ""},
		{"one more", "global\n    maxconn 262095\n", "node-2: haproxy may open 524288 files, too few for the 262095 connections of its haproxy.cfg"},
		{"far more", "global\n    maxconn 90000000\n", "node-2: haproxy may open 524288 files, too few for the 90000000 connections of its haproxy.cfg"},
	} {
		f := &node.Facts{Units: map[string]node.Unit{"haproxy.service": {OpenFiles: 524288}}}
		err := refuseConnections(&inventory.Cluster{}, n, f, []render.Artifact{{Path: render.HAProxyPath, Content: []byte(c.config)}})
		said := ""
		if err != nil {
			said = err.Error()
		}
		same(t, c.name, said, c.says)
	}
}
