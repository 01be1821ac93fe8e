package rollout

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/remote"
)

// TestRestartIsRemembered: what a node confirms has with it how long its
// apiserver took.
func TestRestartIsRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.Nodes["node-2"].On["manifest"] = func(context.Context, remote.Script, say) error {
			time.Sleep(6700 * time.Millisecond)
			return nil
		}
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "node-2", fleettest.Asked[node.ConfirmRequest](f.Machines, "node-2 confirm").Restart.String(), "quick 6.7")
		same(t, "stage", fleettest.Asked[node.StageRequest](f.Machines, "node-2 stage").QuickPort, uint16(1))
		f.Ends()
	})
}

// TestNoRestartIsRemembered where no apiserver restarts.
func TestNoRestartIsRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, applied)
		f.Change("node-3")
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "node-3", fleettest.Asked[node.ConfirmRequest](f.Machines, "node-3 confirm").Restart == nil, true)
		f.Ends()
	})
}

// TestGracefulRestart leaves it to kubelet.
func TestGracefulRestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, freshOf)
		f.Rollout.Fleet.Cluster.APIServer.Restart = inventory.Graceful
		_, err := f.Apply(t.Context(), f.planned(proven), options)
		says(t, err, "")
		same(t, "stage", fleettest.Asked[node.StageRequest](f.Machines, "node-2 stage").QuickPort, uint16(0))
		same(t, "windows", []time.Duration{fleettest.Asked[node.StageRequest](f.Machines, "node-1 stage").Window, fleettest.Asked[node.StageRequest](f.Machines, "node-3 stage").Window}, []time.Duration{109 * time.Second, 207 * time.Second})
		f.Ends()
	})
}

// TestRefuseKubelets: an apiserver is only restarted where a kubelet starts it
// again.
func TestRefuseKubelets(t *testing.T) {
	const hint = "see `systemctl status kubelet` and `journalctl -u kubelet` on the node"
	hangs := func(*http.Request) (int, string) {
		time.Sleep(2 * kubeletPatience)
		return 200, "ok"
	}
	cases := []struct {
		name    string
		of      func(testing.TB, *Rollout, inventory.Node) *node.Facts
		unit    node.Unit
		healthz func(*http.Request) (int, string)
		says    string
	}{
		{"healthy", freshOf, node.Unit{Load: "loaded", Active: "active"}, always(200, "ok"), ""},
		{"nothing listens there", freshOf, node.Unit{Load: "loaded", Active: "active"}, nil, ""},
		{"no kubelet", freshOf, node.Unit{Load: "not-found", Active: "inactive"}, nil, ""},
		{"stopped", freshOf, node.Unit{Load: "loaded", Active: "inactive"}, nil, "node-2: its kubelet is not healthy, and would not restart the apiserver: kubelet.service is inactive"},
		{"on its way from crash to crash", freshOf, node.Unit{Load: "loaded", Active: "activating"}, nil, "node-2: its kubelet is not healthy, and would not restart the apiserver: kubelet.service is activating"},
		{
			"unhealthy", freshOf, node.Unit{Load: "loaded", Active: "active"}, always(500, "syncloop: PLEG is not healthy\x1b[2J\n"),
			"node-2: its kubelet is not healthy, and would not restart the apiserver: http://127.0.0.1:10248/healthz answers 500 syncloop: PLEG is not healthy",
		},
		{
			"frozen", freshOf, node.Unit{Load: "loaded", Active: "active"}, hangs,
			"node-2: its kubelet is not healthy, and would not restart the apiserver: http://127.0.0.1:10248/healthz does not answer within 5s",
		},
		{"unhealthy, and no apiserver restarts", applied, node.Unit{Load: "loaded", Active: "failed"}, nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, c.of)
				f.Nodes["node-2"].Facts.Units[kubeadm.KubeletUnit] = c.unit
				f.Nodes["node-2"].Kubelet = c.healthz
				_, err := f.Plan(t.Context())
				says(t, err, c.says)
				var refused *refusal.Error
				if errors.As(err, &refused) {
					same(t, "hint", refused.Hints(), []string{hint})
				}
				f.Rollout.Fleet.Close()
				time.Sleep(2 * kubeletPatience) // whoever hangs has ended
			})
		})
	}
}
