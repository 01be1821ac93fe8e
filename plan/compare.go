package plan

import (
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

func refusedManifest(n inventory.Node, err error) error {
	return &refusal.Error{Refusals: []refusal.Refusal{{
		Node: n.Name, What: err.Error(),
		Hint: "bring the manifest to the form that `kubeadm init phase control-plane apiserver` writes",
	}}}
}

// compareNode plans the changes that bring a node to its artifacts, all but that of
// the apiserver's certificate.
func compareNode(c *inventory.Cluster, n inventory.Node, f *node.Facts, artifacts []render.Artifact) (*builder, error) {
	b := newBuilder(c, n, f)
	for _, d := range []struct {
		name string
		pkg  node.Package
	}{{"haproxy", f.HAProxy}, {"keepalived", f.Keepalived}} {
		if !d.pkg.Installed && (d.name != "haproxy" || c.Exposure != inventory.IPVS) {
			b.Packages = append(b.Packages, d.name)
		}
	}
	for _, a := range artifacts {
		b.putFile(a, 0, 0)
	}
	b.removeStale(artifacts)
	if err := b.planManifest(editManifest(c, n, f.Distribution, exposureOn(c, f))); err != nil {
		return b, err
	}
	b.planKubeconfigs()
	b.planFirewall()
	newActivation(b, artifacts).controlPlane()
	b.planFailback()
	b.noteMetrics()
	return b, nil
}
