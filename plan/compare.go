package plan

import (
	"bytes"
	"fmt"
	"io/fs"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

func refusedManifest(n inventory.Node, err error) error {
	return &RefusedError{[]Refusal{{
		Node: n.Name, What: err.Error(),
		Hint: "bring the manifest to the form that `kubeadm init phase control-plane apiserver` writes",
	}}}
}

// compareNode plans the changes that bring a node to its artifacts.
func compareNode(c *inventory.Cluster, n inventory.Node, f *node.Facts, artifacts []render.Artifact) (NodePlan, error) {
	p := newNodePlan(c, n, f)
	for _, d := range []struct {
		name string
		pkg  node.Package
	}{{"haproxy", f.HAProxy}, {"keepalived", f.Keepalived}} {
		if !d.pkg.Installed && (d.name != "haproxy" || c.Exposure != inventory.IPVS) {
			p.Packages = append(p.Packages, d.name)
		}
	}
	for _, a := range artifacts {
		if change, differs := compare(n, f, a, 0, 0); differs {
			p.Changes = append(p.Changes, change)
		}
	}
	p.removeStale(f, artifacts)
	if err := p.planManifest(f, editManifest(c, n, exposureOn(c, f))); err != nil {
		return p, err
	}
	p.planKubeconfigs(c, f)
	p.planFirewall(c, f)
	p.planActions(c, f, artifacts)
	p.planIdentity(f, artifacts)
	p.planFailback(c, f)
	p.noteMetrics(c, f)
	return p, nil
}

func newNodePlan(c *inventory.Cluster, n inventory.Node, f *node.Facts) NodePlan {
	address, _ := f.InterfaceOf(n.Address)
	p := NodePlan{Node: n, Holder: f.HoldsAny(c.VIPs), Restart: restartOn(c, f), VIPInterface: address.Interface, Paths: f.ManagedPaths()}
	if c.Exposure != inventory.IPVS {
		p.HAProxyListens = c.Frontends()
	}
	return p
}

// planManifest plans an edit of the manifest of the node's apiserver.
func (n *NodePlan) planManifest(f *node.Facts, edit func([]byte) ([]byte, error)) error {
	was, ok := f.Files[kubeadm.ManifestPath]
	if !ok {
		return fmt.Errorf("%s is not there", kubeadm.ManifestPath)
	}
	edited, err := edit(was.Content)
	if err != nil {
		return fmt.Errorf("%s %w", kubeadm.ManifestPath, err)
	}
	if bytes.Equal(edited, was.Content) {
		return nil
	}
	n.Manifest = &Change{
		Artifact: render.Artifact{
			Path: kubeadm.ManifestPath, Mode: was.Mode & fs.ModePerm, Content: edited, Effect: render.APIServerRestarts,
		},
		Owner: node.Owner{UID: was.UID, GID: was.GID}, Was: &was,
	}
	n.Manifest.describe(n.Node)
	return nil
}
