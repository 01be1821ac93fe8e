package plan

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// kubeconfigs are the files on the node whose servers kplb manages: kubeadm's, and
// those in the homes of root and of the login.
func kubeconfigs(c *inventory.Cluster, n inventory.Node, f *node.Facts) []string {
	l := f.Distribution.Layout()
	paths := slices.Clone(l.AdminKubeconfigs)
	if n.Worker || c.Endpoint == inventory.ManageAll {
		paths = append(paths, l.KubeletKubeconfig)
	}
	return slices.DeleteFunc(append(paths, f.Kubeconfigs...), func(path string) bool { _, there := f.Files[path]; return !there })
}

// planKubeconfigs points the kubeconfigs of a node at the VIP. One that cannot be
// edited stays, with a note.
func (b *builder) planKubeconfigs() {
	b.planKubeconfigsWith(b.pointAtVIP)
}

// planKubeconfigsWith is planKubeconfigs with another edit for the kubelet's.
func (b *builder) planKubeconfigsWith(kubelet func([]byte) ([]byte, error)) {
	if b.cluster.Endpoint == inventory.Leave {
		return
	}
	for _, path := range kubeconfigs(b.cluster, b.Node, b.facts) {
		edit := b.pointAtVIP
		if path == b.facts.Distribution.Layout().KubeletKubeconfig {
			edit = kubelet
		}
		b.editKubeconfig(path, edit)
	}
}

// pointAtVIP is PointAtVIP with the CA that the node has.
func (b *builder) pointAtVIP(source []byte) ([]byte, error) {
	return PointAtVIP(b.cluster, source, b.facts.Files[b.facts.Distribution.Layout().CA].Content)
}

// editKubeconfig plans an edit of one kubeconfig.
func (b *builder) editKubeconfig(path string, edit func([]byte) ([]byte, error)) {
	was := b.facts.Files[path]
	if was.Mode&fs.ModeSymlink != 0 && slices.Contains(b.facts.Distribution.Layout().AdminKubeconfigs, string(was.Content)) {
		return // the file that it points to is edited
	}
	if !was.Mode.IsRegular() {
		b.note("%s is a %s: not touched, see where it points", path, refusal.Kind(was.Mode))
		return
	}
	edited, err := edit(was.Content)
	switch {
	case errors.Is(err, ErrOtherCluster):
	case err != nil:
		b.note("%s %s: not touched", path, node.Clean(err.Error()))
	case !bytes.Equal(edited, was.Content):
		change := Change{
			Artifact: render.Artifact{Path: path, Mode: was.Mode & fs.ModePerm, Content: edited, Effect: render.NoEffect},
			Owner:    node.Owner{UID: was.UID, GID: was.GID}, Was: &was, hide: kubeadm.Hide,
		}
		if path == b.facts.Distribution.Layout().KubeletKubeconfig {
			change.Effect, b.Kubelet = render.KubeletRestart, node.Restart
		}
		change.describe(b.Node)
		b.Changes = append(b.Changes, change)
	}
}

// kubeconfigs points kubeconfigs at the servers that they have in the
// generation.
func (r restorer) kubeconfigs() {
	f, s := r.facts, r.snapshot
	l := f.Distribution.Layout()
	ca := f.Files[l.CA].Content
	for _, path := range append(l.Kubeconfigs(), f.Kubeconfigs...) {
		was, saved := s.Files[path]
		if _, there := f.Files[path]; saved && there {
			r.editKubeconfig(path, func(source []byte) ([]byte, error) { return kubeadm.EndpointsLikeIn(source, was.Content, ca) })
		}
	}
}
