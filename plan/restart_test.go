package plan

import (
	"testing"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
)

// TestRestartOn: a restart is as long as the last one of its kind on that node,
// and as long as measured elsewhere where there was none.
func TestRestartOn(t *testing.T) {
	t.Parallel()
	active, stopped := node.Unit{Load: "loaded", Active: "active"}, node.Unit{Load: "loaded", Active: "inactive"}
	cases := []struct {
		name    string
		kind    inventory.Restart
		kubelet node.Unit
		last    string
		want    APIServerRestart
	}{
		{"quick", inventory.Quick, active, "", quickRestart},
		{"graceful", inventory.Graceful, active, "", gracefulRestart},
		{"no kubelet that starts it quickly", inventory.Quick, stopped, "", gracefulRestart},
		{"one was seen", inventory.Quick, active, "quick 6.7\n", APIServerRestart{true, 7 * time.Second, 20 * time.Second}},
		{"one on a slow board", inventory.Quick, active, "quick 31.2\n", APIServerRestart{true, 31 * time.Second, 62 * time.Second}},
		{"a graceful one", inventory.Graceful, active, "graceful 44.0\n", APIServerRestart{false, 44 * time.Second, 88 * time.Second}},
		{"one of the other kind", inventory.Quick, active, "graceful 44.0\n", quickRestart},
		{"what cannot be", inventory.Quick, active, "quick 1e9\n", quickRestart},
		{"not a number", inventory.Quick, active, "quick NaN\n", quickRestart},
		{"below zero", inventory.Quick, active, "quick -8\n", quickRestart},
		{"damaged", inventory.Quick, active, "\x1b[2J", quickRestart},
	}
	for _, c := range cases {
		f := &node.Facts{Distribution: kubeadm.Distribution{}, Units: map[string]node.Unit{kubeadm.KubeletUnit: c.kubelet}, Files: map[string]node.File{"/var/lib/kplb/restarted": {Content: []byte(c.last)}}}
		cluster := &inventory.Cluster{APIServer: inventory.APIServer{Restart: c.kind}}
		same(t, c.name, restartOn(cluster, f), c.want)
	}
}

// TestQuickPort: nobody watches a port where kubelet restarts the apiserver by
// itself.
func TestQuickPort(t *testing.T) {
	t.Parallel()
	same(t, "quick", quickRestart.QuickPort(6443), uint16(6443))
	same(t, "graceful", gracefulRestart.QuickPort(6443), uint16(0))
}
