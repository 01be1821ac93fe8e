package plan

import (
	"errors"
	"strconv"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// planNodeBack compares a node with one of its generations, and says which.
func (in *Input) planNodeBack(n inventory.Node, f *node.Facts, to Target, number int) (NodePlan, int, error) {
	if n.Worker && f.Generation() == "" { // nothing was ever done there
		return newNodePlan(in.Cluster, n, f), number, nil
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
	p := newNodePlan(in.Cluster, n, f)
	p.Leaving = in.isLeaving(n)
	if n.Worker {
		p.HAProxyListens = nil
		p.planBalancerBack(f, s)
		p.planEndpointBack(f, s)
		return p, number, nil
	}
	if certificateDiffers(f, s) {
		current := &node.Snapshot{}
		if newest, none := strconv.Atoi(f.Generation()); none == nil {
			if current, err = in.snapshot(n, newest); err != nil {
				return p, number, err
			}
		}
		p.planCertificateBack(f, s, current, number, in.Now)
	}
	p.RestoreFrom = number
	err = p.planState(in.Cluster, f, s)
	in.blank(&p)
	if err != nil {
		return p, number, badManifest(n, err)
	}
	return p, number, nil
}

func noGeneration(n inventory.Node, what string) error {
	return &RefusedError{[]Refusal{{Node: n.Name, What: what, Cure: "see `kplb history`"}}}
}

// planState compares a node with a saved state.
func (n *NodePlan) planState(c *inventory.Cluster, f *node.Facts, s *node.Snapshot) error {
	artifacts := n.planFilesBack(f, s, render.Paths())
	if _, there := f.Files[kubeadm.ManifestPath]; there || !n.Leaving { // who has left Kubernetes has none
		err := n.planManifest(f, func(source []byte) ([]byte, error) {
			return kubeadm.LikeIn(source, s.Files[kubeadm.ManifestPath].Content)
		})
		if err != nil {
			return err
		}
	}
	n.planEndpointBack(f, s)
	n.planFirewallBack(f, s)
	n.consequences(c, f, artifacts)
	n.planIdentity(f, artifacts)
	n.wantUnits(f, s)
	n.HAProxyListens = frontendsIn(s.Files[render.HAProxyPath].Content, c.VIPs)
	if s.Units["haproxy"].Active != "active" {
		n.HAProxyListens = nil
	}
	n.NoBind6 = n.NoBind6 && !s.NonlocalBind6
	_, applies := s.Files[render.SysctlPath]
	switch {
	case isIPVS(node.ParseSysctls(s.Files[render.SysctlPath].Content)): // as consequences says
	case !s.NonlocalBind && f.NonlocalBind:
		n.Sysctl = node.SysctlOff
	case !s.NonlocalBind, !applies: // where it was on without our file, it is on
		n.Sysctl = node.SysctlLeave
	}
	return nil
}
