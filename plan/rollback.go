package plan

import (
	"errors"
	"strconv"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
)

// restoreNode plans to restore a node to one of its generations.
func (in *Input) restoreNode(n inventory.Node, f *node.Facts, number int) (NodePlan, error) {
	if f.Generation() == "" && (n.Worker || number == 0) {
		return in.restoreUnkept(n, f)
	}
	s, err := in.snapshot(n, number)
	var refused *node.RefusedError
	if errors.As(err, &refused) {
		return NodePlan{}, noGeneration(n, refused.Reason)
	}
	if err != nil {
		return NodePlan{}, err
	}
	r := restorer{newBuilder(in.Cluster, n, f), s}
	r.Leaving, r.Restore = in.isLeaving(n), true
	if n.Worker {
		r.HAProxyListens = nil
		r.balancer()
		r.kubeconfigs()
		return r.NodePlan, nil
	}
	if certificateDiffers(f, s) {
		current := &node.Snapshot{}
		if newest, none := strconv.Atoi(f.Generation()); none == nil {
			if current, err = in.snapshot(n, newest); err != nil {
				return r.NodePlan, err
			}
		}
		r.certificate(current, number, in.Now)
	}
	r.RestoreFrom = number
	err = r.controlPlane()
	in.blank(&r.NodePlan)
	if err != nil {
		return r.NodePlan, refusedManifest(n, err)
	}
	return r.NodePlan, nil
}

func noGeneration(n inventory.Node, what string) error {
	return &refusal.Error{Refusals: []refusal.Refusal{{Node: n.Name, What: what, Hint: "see `kplb history`"}}}
}
