package fleet_test

import (
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
)

// TestAuthority: nodes with different CAs are not one cluster.
func TestAuthority(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		differ func(map[string]*node.Facts)
		says   string
	}{
		{"the same on every node", func(map[string]*node.Facts) {}, ""},
		{"not there", func(f map[string]*node.Facts) { delete(f["node-2"].Files, kubeadm.CAPath) }, "node-2: /etc/kubernetes/pki/ca.crt is not there"},
		{"no certificate", func(f map[string]*node.Facts) { plantest.Put(f["node-1"], kubeadm.CAPath, 0o644, []byte("hello")) }, "node-1: /etc/kubernetes/pki/ca.crt holds no certificate"},
		{"two clusters", func(f map[string]*node.Facts) {
			plantest.Put(f["node-3"], kubeadm.CAPath, 0o644, fleettest.Stranger.PEM)
		}, "node-3: /etc/kubernetes/pki/ca.crt differs from the other nodes': not one cluster"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &fleet.Fleet{Cluster: plantest.Parse(t, plantest.Home)}
			facts := fleettest.Know(t, f, fleettest.All(t, f.Cluster, plantest.Fresh), nil)
			c.differ(facts)
			_, err := f.ControlPlane()
			fleettest.Says(t, err, c.says)
		})
	}
}

// TestAuthorityWithoutANode: a node that is left out has no say.
func TestAuthorityWithoutANode(t *testing.T) {
	t.Parallel()
	f := &fleet.Fleet{Cluster: plantest.Parse(t, plantest.Home)}
	facts := fleettest.All(t, f.Cluster, plantest.Fresh)
	delete(facts, "node-2")
	fleettest.Know(t, f, facts, nil)
	_, err := f.ControlPlane()
	fleettest.Says(t, err, "")
	fleettest.Same(t, "CA", string(f.CA()), string(fleettest.Authority.PEM))
}
