package plan

import (
	"net/netip"
	"slices"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// exposureOn is the exposure that kplb's files on the node were rendered for; empty:
// the node has no file of kplb's.
func exposureOn(c *inventory.Cluster, f *node.Facts) inventory.Exposure {
	ours := func(path string) bool {
		file, there := f.Files[path]
		return there && render.Stamp(file.Content) != render.Unstamped
	}
	switch {
	case ours(render.PatchPath):
		return inventory.BindAddress
	case ours(render.RedirectPath):
		return inventory.Redirect
	case ours(render.IPVSPath):
		return inventory.IPVS
	case !ours(render.HAProxyPath):
		return ""
	case haproxy.Parse(f.Files[render.HAProxyPath].Content).BindOf(c.VIP) == netip.AddrPortFrom(c.VIP, c.Port):
		return inventory.SharedPort
	default:
		return inventory.OtherPort
	}
}

// editManifest edits the apiserver's manifest for the exposure of the inventory. It
// removes the flags that kplb has set for the previous exposure.
func editManifest(c *inventory.Cluster, n inventory.Node, d distribution.Distribution, was inventory.Exposure) func([]byte) ([]byte, error) {
	return func(source []byte) ([]byte, error) {
		edited, err := source, error(nil)
		if was == inventory.SharedPort && c.Exposure != inventory.SharedPort {
			edited, err = d.Unshare(edited)
		}
		if was == inventory.BindAddress && c.Exposure != inventory.BindAddress {
			edited, err = d.Unbind(edited, n.Address)
		}
		switch {
		case err != nil:
			return nil, err
		case c.Exposure == inventory.BindAddress:
			return d.BindTo(edited, n.Address)
		case c.Exposure == inventory.SharedPort:
			return d.Share(edited)
		}
		return edited, nil
	}
}

// hasFile says whether one of the artifacts has the path.
func hasFile(artifacts []render.Artifact, path string) bool {
	return slices.ContainsFunc(artifacts, func(a render.Artifact) bool { return a.Path == path })
}
