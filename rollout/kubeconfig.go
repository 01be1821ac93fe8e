package rollout

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// kubeconfigs are those of a node whose servers kplb looks after, as far as
// they are there: kubeadm's, and the ones in the homes of root and of the login.
func kubeconfigs(c *inventory.Cluster, n inventory.Node, f *node.Facts) []string {
	paths := []string{kubeadm.AdminPath, kubeadm.SuperAdminPath}
	if n.Worker || c.Endpoint == inventory.ManageAll {
		paths = append(paths, kubeadm.KubeletPath)
	}
	return slices.DeleteFunc(append(paths, f.Kubeconfigs...), func(path string) bool { _, there := f.Files[path]; return !there })
}

// planEndpoint has the kubeconfigs of a node point at the VIP. What cannot be
// edited is noted, and stays.
func (p *NodePlan) planEndpoint(c *inventory.Cluster, f *node.Facts) {
	ca := f.Files[kubeadm.CAPath].Content
	p.planEndpointWith(c, f, func(source []byte) ([]byte, error) { return PointAtVIP(c, source, ca) })
}

// planEndpointWith is planEndpoint with another way for the kubelet.
func (p *NodePlan) planEndpointWith(c *inventory.Cluster, f *node.Facts, kubelet func([]byte) ([]byte, error)) {
	if c.Endpoint == inventory.Leave {
		return
	}
	ca := f.Files[kubeadm.CAPath].Content
	for _, path := range kubeconfigs(c, p.Node, f) {
		edit := func(source []byte) ([]byte, error) { return PointAtVIP(c, source, ca) }
		if path == kubeadm.KubeletPath {
			edit = kubelet
		}
		p.editKubeconfig(f, path, edit)
	}
}

// ErrElsewhere is of a kubeconfig that names no apiserver of this cluster.
var ErrElsewhere = errors.New("is of another cluster")

// PointAtVIP returns a kubeconfig's bytes with the servers of this cluster, the
// one with this CA, set to its endpoint; nothing else in it changes. It refuses
// what goes through something of its own, and what cannot be edited; what is of
// other clusters is ErrElsewhere.
func PointAtVIP(c *inventory.Cluster, source, ca []byte) ([]byte, error) {
	if err := elsewhere(source, ca); err != nil {
		return nil, err
	}
	return kubeadm.SetEndpoint(source, ca, c.EndpointURL())
}

// elsewhere keeps kubeconfigs that go through something of their own: another
// cluster's, a tunnel on loopback that is not ours.
func elsewhere(source, ca []byte, ours ...netip.AddrPort) error {
	endpoints, err := kubeadm.Endpoints(source, ca)
	if err != nil {
		return err
	}
	if len(endpoints) == 0 {
		return ErrElsewhere
	}
	for _, e := range endpoints {
		u, err := url.Parse(e.Server)
		if err != nil {
			return fmt.Errorf("has a server that is no URL in line %d", e.Line)
		}
		if isOneOf(e.Server, ours) {
			continue
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.IsLoopback() || u.Hostname() == "localhost" {
			return fmt.Errorf("goes through %s", u.Host)
		}
	}
	return nil
}

// editKubeconfig plans an edit of one kubeconfig.
func (p *NodePlan) editKubeconfig(f *node.Facts, path string, edit func([]byte) ([]byte, error)) {
	was := f.Files[path]
	if was.Mode&fs.ModeSymlink != 0 && slices.Contains([]string{kubeadm.AdminPath, kubeadm.SuperAdminPath}, string(was.Content)) {
		return // edited itself
	}
	if !was.Mode.IsRegular() {
		p.note("%s is a %s: not touched, see where it points", path, kind(was.Mode))
		return
	}
	edited, err := edit(was.Content)
	switch {
	case errors.Is(err, ErrElsewhere):
	case err != nil:
		p.note("%s %s: not touched", path, remote.Clean(err.Error()))
	case !bytes.Equal(edited, was.Content):
		change := Change{
			Artifact: render.Artifact{Path: path, Mode: was.Mode & fs.ModePerm, Content: edited, Effect: render.NoEffect},
			Owner:    node.Owner{UID: was.UID, GID: was.GID}, Was: &was, hide: kubeadm.Hide,
		}
		if path == kubeadm.KubeletPath {
			change.Effect, p.Kubelet = render.KubeletRestart, node.Restart
		}
		change.describe(p.Node)
		p.Changes = append(p.Changes, change)
	}
}

// planEndpointBack brings servers back to what they were in a saved state.
func (p *NodePlan) planEndpointBack(f *node.Facts, s *node.Snapshot) {
	ca := f.Files[kubeadm.CAPath].Content
	for _, path := range append([]string{kubeadm.AdminPath, kubeadm.SuperAdminPath, kubeadm.KubeletPath}, f.Kubeconfigs...) {
		was, saved := s.Files[path]
		if _, there := f.Files[path]; saved && there {
			p.editKubeconfig(f, path, func(source []byte) ([]byte, error) { return kubeadm.EndpointsLikeIn(source, was.Content, ca) })
		}
	}
}

func (p *NodePlan) note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}
