package fleet_test

import (
	"context"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
)

// TestAdministrator: the first node that gives its admin.conf is enough, and is
// asked once.
func TestAdministrator(t *testing.T) {
	gives := func(kubeconfig []byte) fleettest.Step {
		return func(_ context.Context, _ remote.Script, say fleettest.Say) error {
			r := nodetest.Data("kubeconfig", kubeconfig)
			say(r.Key, r.Fields...)
			return nil
		}
	}
	admin, empty := gives(plantest.Kubeconfig(t, "https://10.1.1.1:6443")), gives([]byte("kind: Config\n"))
	missing := fleettest.Fails(&remote.Error{Host: "node", Err: remote.ErrTimeout})
	for _, c := range []struct {
		name  string
		nodes []fleettest.Step
		asked []int
		says  string
	}{
		{"the first", []fleettest.Step{admin, admin, admin}, []int{1, 0, 0}, ""},
		{"the third", []fleettest.Step{missing, empty, admin}, []int{1, 1, 1}, ""},
		{"none", []fleettest.Step{missing, empty, missing}, []int{2, 2, 2}, "no control-plane node's /etc/kubernetes/admin.conf could be read\n" +
			"node-1: node: did not answer in time\nnode-2: /etc/kubernetes/admin.conf has no current-context\nnode-3: node: did not answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fleettest.InBubble(t, func(t *testing.T) {
				f := fleettest.New(t, fleettest.Applied)
				for i, n := range f.Fleet.Cluster.Nodes {
					f.Nodes[n.Name].On["credentials"] = c.nodes[i]
				}
				if _, err := f.Fleet.Inspect(t.Context(), fleet.Inspection{}); err != nil {
					t.Fatal(err)
				}
				control, err := f.Fleet.ControlPlane()
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					pair, err := control.Credentials(t.Context())
					fleettest.Says(t, err, c.says)
					fleettest.Same(t, "a certificate", pair != nil, c.says == "")
				}
				for i, n := range f.Fleet.Cluster.Nodes {
					fleettest.Same(t, "times that "+n.Name+" was asked", f.Times(n.Name+" credentials"), c.asked[i])
				}
				f.Ends()
			})
		})
	}
}
