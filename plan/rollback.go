package plan

import (
	"errors"
	"strconv"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// restoreNode plans to restore a node to one of its generations, and returns the
// number of that generation.
func (in *Input) restoreNode(n inventory.Node, f *node.Facts, to Target, number int) (NodePlan, int, error) {
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
	p.Leaving, p.Restore = in.isLeaving(n), true
	if n.Worker {
		p.HAProxyListens = nil
		p.restoreBalancer(f, s)
		p.restoreKubeconfigs(f, s)
		return p, number, nil
	}
	if certificateDiffers(f, s) {
		current := &node.Snapshot{}
		if newest, none := strconv.Atoi(f.Generation()); none == nil {
			if current, err = in.snapshot(n, newest); err != nil {
				return p, number, err
			}
		}
		p.restoreCertificate(f, s, current, number, in.Now)
	}
	p.RestoreFrom = number
	err = p.restoreSnapshot(in.Cluster, f, s)
	in.blank(&p)
	if err != nil {
		return p, number, refusedManifest(n, err)
	}
	return p, number, nil
}

func noGeneration(n inventory.Node, what string) error {
	return &RefusedError{[]Refusal{{Node: n.Name, What: what, Hint: "see `kplb history`"}}}
}

// restoreSnapshot plans everything but the certificate.
func (n *NodePlan) restoreSnapshot(c *inventory.Cluster, f *node.Facts, s *node.Snapshot) error {
	artifacts := n.restoreFiles(f, s, render.Paths())
	if _, there := f.Files[kubeadm.ManifestPath]; there || !n.Leaving { // a node that has left Kubernetes has none
		err := n.planManifest(f, func(source []byte) ([]byte, error) {
			return kubeadm.LikeIn(source, s.Files[kubeadm.ManifestPath].Content)
		})
		if err != nil {
			return err
		}
	}
	n.restoreKubeconfigs(f, s)
	n.restoreFirewall(f, s)
	n.planActions(c, f, artifacts)
	n.planIdentity(f, artifacts)
	n.restoreUnits(f, s)
	n.HAProxyListens = frontendsIn(s.Files[render.HAProxyPath].Content, c.VIPs)
	if s.Units["haproxy"].Active != "active" {
		n.HAProxyListens = nil
	}
	n.NoBind6 = n.NoBind6 && !s.NonlocalBind6
	_, applies := s.Files[render.SysctlPath]
	switch {
	case isIPVS(node.ParseSysctls(s.Files[render.SysctlPath].Content)): // planActions has decided
	case !s.NonlocalBind && f.NonlocalBind:
		n.Sysctl = node.SysctlOff
	case !s.NonlocalBind, !applies: // it was on without a file of kplb's, and still is
		n.Sysctl = node.SysctlLeave
	}
	return nil
}
