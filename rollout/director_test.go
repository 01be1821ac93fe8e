package rollout

import (
	"errors"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
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

// TestDirectorIsRefused before any node is asked for more than what it is:
// where the kernel cannot, for that, and where it could, because kplb does not.
func TestDirectorIsRefused(t *testing.T) {
	t.Parallel()
	f := newFleet(t, freshOf)
	f.Cluster.Exposure = inventory.IPVS
	f.Cluster.Positions = parse(t, inKernel).Positions
	for name, node := range f.nodes {
		node.facts.Kernel = map[string]Kernel{
			"node-1": {"6.18.44", "none"}, "node-2": {"6.1.0-50-amd64", "module"}, "node-3": {"6.1.0-50-amd64", "there"},
		}[name]
	}
	_, err := f.Plan(t.Context())
	says(t, err, "cluster.yaml:9:11: node-1: "+noIPVS+"\ncluster.yaml:9:11: node-2: "+notRolledOut+"\ncluster.yaml:9:11: node-3: "+notRolledOut)
	var refused *RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("%T", err)
	}
	same(t, "cures", refused.Hints(), []string{"boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or " + elsewise, elsewise})
	same(t, "asked", f.log(), []string(nil))
	same(t, "asked for its kernel", f.gave("node-1 inspect", "KPLB_KERNEL"), "1")

	statuses, err := f.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(statuses.Nodes[0].Refused) == 0 || statuses.Nodes[0].Refused[0] != noIPVS {
		t.Errorf("status says %q", statuses.Nodes[0].Refused)
	}
}

// TestDirectorIsNotProven: verify, confirm and rollback would look for HAProxy.
// What brings nodes back to what they were before kplb looks at nothing of it.
func TestDirectorIsNotProven(t *testing.T) {
	t.Parallel()
	f := newFleet(t, freshOf)
	f.Cluster.Exposure = inventory.IPVS
	f.Cluster.Positions = parse(t, inKernel).Positions
	const want = "cluster.yaml:9:11: cluster: " + notRolledOut
	_, err := f.Verify(t.Context(), 0)
	says(t, err, want)
	for _, number := range []int{-1, 1} {
		_, err = f.PlanBack(t.Context(), number)
		says(t, err, want)
	}
	if _, err = f.PlanBack(t.Context(), 0); err != nil && strings.Contains(err.Error(), notRolledOut) {
		t.Errorf("remove is refused: %v", err)
	}
}

// TestKernelIsAsked only where it counts.
func TestKernelIsAsked(t *testing.T) {
	t.Parallel()
	f := newFleet(t, freshOf)
	if _, err := f.Inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "KPLB_KERNEL", f.gave("node-1 inspect", "KPLB_KERNEL"), "")
}
