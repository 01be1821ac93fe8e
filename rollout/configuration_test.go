package rollout

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
)

// withFlag is kubeadmConfig with lines below apiServer.
func withFlag(value string) string {
	return strings.Replace(kubeadmConfig, " {}", "\n  extraArgs:\n  - name: permit-port-sharing\n    value: \""+value+"\"", 1)
}

// TestFlagTakenAway: what an earlier apply has kubeadm remember goes, though
// nothing else of the cluster's records is kplb's; by an apply and by a remove.
func TestFlagTakenAway(t *testing.T) {
	for name, away := range map[string]bool{"apply": false, "remove": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, objects := managedFleet(t, appliedOf)
				f.Rollout.Fleet.Cluster.Certificates, f.Rollout.Fleet.Cluster.Endpoint = inventory.Leave, inventory.Leave
				path := configMapPath("kube-system", "kubeadm-config")
				objects[path]["data"] = map[string]any{"ClusterConfiguration": withFlag("true")}
				objects[path]["metadata"].(map[string]any)["annotations"] = map[string]any{"kplb/before": `{"had":false,"addedSANs":null,"apiServerArgs":{"permit-port-sharing":null}}`}
				same(t, "without a trace on a node nobody asks", f.planned(nil).Empty(), true)

				edit(f.Nodes["node-2"].Facts, kubeadm.ManifestPath, "    - kube-apiserver\n", "    - kube-apiserver\n    - --permit-port-sharing=true\n")
				p := f.planned(proven)
				if away {
					for _, n := range f.Nodes {
						n.Save("0", n.Facts)
					}
					back, err := f.PlanRemoval(t.Context())
					says(t, err, "")
					f.prove = proven
					p = back
				}
				same(t, "objects", len(p.ConfigMaps), 1)
				if d := p.ConfigMaps[0].Diff; !strings.Contains(d, "-  - name: permit-port-sharing\n") {
					t.Errorf("diff:\n%s", d)
				}
				_, err := f.Apply(t.Context(), p, options)
				says(t, err, "")
				same(t, "kubeadm-config", dataOf(objects[path], "ClusterConfiguration"), kubeadmConfig)
				same(t, "no trace", objects[path]["metadata"].(map[string]any)["annotations"], any(nil))
				f.Ends()
			})
		})
	}
}
