// Package rollout carries out a plan on the nodes of a cluster: it inspects, plans,
// changes one node after the other, and proves the result through the VIP.
//
// It guarantees that every node ends in its old or its new state. A change that is not
// proven and confirmed is reverted: by the rollout, or by the node itself if the
// operator is gone.
package rollout

import (
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Rollout changes the nodes of one cluster. Its methods are called one after
// the other, and change none of its fields. Close ends its connections.
type Rollout struct {
	Fleet     *fleet.Fleet
	Templates *render.Templates
	Secrets   render.Secrets

	Forgotten []string // nodes that have left the inventory and no longer exist: they are not cleaned
	TakeOver  bool     // nodes of another cluster become this one's
	Rename    bool     // the cluster has another name from now on
	Version   string   // of this kplb, for the record

	prove prover // how a change is proven; nil: by verify, as the goal of its plan says
}

// managedPaths are the paths whose state a generation of the node keeps.
func managedPaths(f *fleet.Fleet, n inventory.Node) []string {
	if found := f.Facts()[n.Name]; found != nil {
		return found.ManagedPaths()
	}
	return node.ManagedPaths(fleet.LayoutOf(f.Cluster))
}
