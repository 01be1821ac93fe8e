package rollout

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// exposedBy is home with an exposure.
func exposedBy(t testing.TB, e inventory.Exposure) *Rollout {
	t.Helper()
	text := strings.Replace(home, "haproxy:\n", "exposure: "+string(e)+"\nhaproxy:\n", 1)
	if e == inventory.IPVS {
		text = strings.Replace(text, "haproxy:\n  monitorPort: 8404\n", "", 1)
	}
	return rolloutOf(t, text)
}

// TestCheckRedirect wants the table as it should be, in both chains.
func TestCheckRedirect(t *testing.T) {
	t.Parallel()
	r := exposedBy(t, inventory.Redirect)
	for _, c := range []struct {
		name   string
		change func(f *node.Facts)
		ok     bool
	}{
		{"as it should be", func(*node.Facts) {}, true},
		{"flushed", func(f *node.Facts) { f.Redirect = "" }, false},
		{"one of two chains", func(f *node.Facts) {
			f.Redirect = strings.Replace(f.Redirect, "dnat to 10.1.233.1:8443", "dnat to 10.1.233.1:8444", 1)
		}, false},
	} {
		f := applied(t, r, r.Cluster.Nodes[1])
		c.change(f)
		same(t, c.name, checkExposure(r.Cluster, r.Cluster.Nodes[1], f)[1].OK, c.ok)
	}
}
