package rollout

import (
	"errors"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/status"
	"github.com/kplb/kplb/verify"
)

const inKernel = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - {name: node-3, address: 10.1.1.3}
exposure: ipvs
`

const noIPVS = "its kernel 6.18.44 has no ip_vs, which exposure: ipvs needs: there is no /proc/net/ip_vs, and `modprobe -n ip_vs` finds no module"

// TestIPVSIsRefused where a kernel cannot, before any node is asked for more
// than what it is; and there is nothing to be proven there.
func TestIPVSIsRefused(t *testing.T) {
	t.Parallel()
	f := newFleet(t, freshOf)
	f.Rollout.Fleet.Cluster.Exposure = inventory.IPVS
	f.Rollout.Fleet.Cluster.Positions = parse(t, inKernel).Positions
	for name, machine := range f.Nodes {
		machine.Facts.Kernel = map[string]node.Kernel{
			"node-1": {Release: "6.18.44", IPVS: "none"}, "node-2": {Release: "6.1.0-50-amd64", IPVS: "module"}, "node-3": {Release: "6.1.0-50-amd64", IPVS: "there"},
		}[name]
	}
	_, err := f.Plan(t.Context())
	says(t, err, "cluster.yaml:9:11: node-1: "+noIPVS)
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%T", err)
	}
	same(t, "hints", refused.Hints(), []string{"boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or write exposure: redirect, which gives clients the same port and leaves the apiservers alone, too; " +
		"`kplb render` shows the files of ipvs, and docs/decisions/0015-ipvs.md what is known of them"})
	same(t, "asked", f.Log(), []string(nil))
	same(t, "asked for its kernel", fleettest.Asked[node.InspectRequest](f.Machines, "node-1 inspect").Kernel, true)
	_, err = verify.Installed(t.Context(), f.Rollout.Fleet, fleet.Inspection{}, 0)
	says(t, err, "cluster.yaml:9:11: node-1: "+noIPVS)

	statuses, err := status.Look(t.Context(), f.Rollout.Fleet, f.NodePlanner(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if len(statuses.Nodes[0].Refused) == 0 || statuses.Nodes[0].Refused[0] != noIPVS {
		t.Errorf("status says %q", statuses.Nodes[0].Refused)
	}
	same(t, "of the others", len(statuses.Nodes[2].Refused), 0)
}

// TestKernelIsAsked only where it counts.
func TestKernelIsAsked(t *testing.T) {
	t.Parallel()
	f := newFleet(t, freshOf)
	if _, err := f.Rollout.Fleet.Inspect(t.Context(), fleet.Inspection{}); err != nil {
		t.Fatal(err)
	}
	same(t, "asked for its kernel", fleettest.Asked[node.InspectRequest](f.Machines, "node-1 inspect").Kernel, false)
}
