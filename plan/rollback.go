package plan

import (
	"errors"
	"strconv"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
)

// restoreNode plans to restore a node to one of its generations, and returns the
// number of that generation.
func (in *Input) restoreNode(n inventory.Node, f *node.Facts, to Target, number int) (NodePlan, int, error) {
	if f.Generation() == "" && (n.Worker || to == ToGeneration && number == 0) {
		p, err := in.restoreUnkept(n, f)
		return p, number, err
	}
	number, err := generationFor(f, to, number)
	if err != nil {
		return NodePlan{}, 0, noGeneration(n, "the node has no generation yet")
	}
	s, err := in.snapshot(n, number)
	var refused *node.RefusedError
	if errors.As(err, &refused) {
		return NodePlan{}, 0, noGeneration(n, refused.Reason)
	}
	if err != nil {
		return NodePlan{}, 0, err
	}
	r := restorer{newBuilder(in.Cluster, n, f), s}
	r.Leaving, r.Restore = in.isLeaving(n), true
	if n.Worker {
		r.HAProxyListens = nil
		r.balancer()
		r.kubeconfigs()
		return r.NodePlan, number, nil
	}
	if certificateDiffers(f, s) {
		current := &node.Snapshot{}
		if newest, none := strconv.Atoi(f.Generation()); none == nil {
			if current, err = in.snapshot(n, newest); err != nil {
				return r.NodePlan, number, err
			}
		}
		r.certificate(current, number, in.Now)
	}
	r.RestoreFrom = number
	err = r.controlPlane()
	in.blank(&r.NodePlan)
	if err != nil {
		return r.NodePlan, number, refusedManifest(n, err)
	}
	return r.NodePlan, number, nil
}

func noGeneration(n inventory.Node, what string) error {
	return &refusal.Error{Refusals: []refusal.Refusal{{Node: n.Name, What: what, Hint: "see `kplb history`"}}}
}
