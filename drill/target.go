package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/verdict"
)

// chooseTarget is the node that is to be broken next, if the others can do without.
func chooseTarget(ctx context.Context, f *fleet.Fleet, name string, proof *verdict.Proof, fault Fault) (inventory.Node, error) {
	if name == "" {
		name = proof.Holder
	}
	i := slices.IndexFunc(f.Cluster.Nodes, func(n inventory.Node) bool { return n.Name == name })
	if i < 0 {
		return inventory.Node{}, fmt.Errorf("%s is not a control-plane node of the inventory", name)
	}
	n := f.Cluster.Nodes[i]
	return n, checkDispensable(ctx, f, n, fault)
}

// checkDispensable refuses to break a node that the cluster needs.
func checkDispensable(ctx context.Context, f *fleet.Fleet, n inventory.Node, fault Fault) error {
	refuse := func(what, hint string) error {
		return &refusal.Error{Refusals: []refusal.Refusal{{Node: n.Name, What: what, Hint: hint}}}
	}
	if err := refusal.Waiting(f.Everyone(), f.Facts()); err != nil {
		return err
	}
	if len(f.Present()) < 2 {
		return refuse("is the only control-plane node", "a drill needs a second one that takes over")
	}
	if fault.Name == "apiserver-cut" && !f.Facts()[n.Name].NFT {
		return refuse("nft is not installed, and apiserver-cut needs it", "install nftables there, or leave it out: name the others with --fault")
	}
	if f.Cluster.Exposure == inventory.IPVS && strings.HasPrefix(fault.Name, "haproxy-") {
		return refuse("has no HAProxy with exposure: ipvs, and "+fault.Name+" breaks it", "leave it out: name the others with --fault")
	}
	if !fault.Cuts {
		return nil
	}
	control, err := f.ControlPlane()
	if err != nil {
		return err
	}
	others, members := 0, 0
	for _, m := range f.Cluster.Nodes {
		known, healthy := control.EtcdHealth(ctx, m.Name)
		if known {
			members++
		}
		if healthy && m.Name != n.Name {
			others++
		}
	}
	if majority := len(f.Cluster.Nodes)/2 + 1; members > 0 && others < majority {
		return refuse(fmt.Sprintf("%s leaves etcd with %d healthy members, fewer than the majority of %d", fault.Name, others, majority),
			"leave it out: name the others with --fault")
	}
	return nil
}
