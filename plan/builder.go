package plan

import (
	"bytes"
	"fmt"
	"io/fs"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// builder makes the plan of one node. Its methods add to the plan what one subject
// asks for: files, the manifest, kubeconfigs, the certificate, the firewall. What the
// daemons then do is decided by activation, and the way to a generation is a restorer's.
type builder struct {
	NodePlan
	cluster *inventory.Cluster
	facts   *node.Facts
}

func newBuilder(c *inventory.Cluster, n inventory.Node, f *node.Facts) *builder {
	return &builder{newNodePlan(c, n, f), c, f}
}

func newNodePlan(c *inventory.Cluster, n inventory.Node, f *node.Facts) NodePlan {
	address, _ := f.InterfaceOf(n.Address)
	p := NodePlan{Node: n, Holder: f.HoldsAny(c.VIPs), Restart: restartOn(c, f), VIPInterface: address.Interface, Paths: f.ManagedPaths()}
	if c.Exposure != inventory.IPVS {
		p.HAProxyListens = c.Frontends()
	}
	return p
}

// putFile plans to create or replace a file, unless it is there already.
func (b *builder) putFile(a render.Artifact, uid, gid int) {
	if change, differs := compare(b.Node, b.facts, a, uid, gid); differs {
		b.Changes = append(b.Changes, change)
	}
}

func (b *builder) removeFile(path string) {
	was, there := b.facts.Files[path]
	if !there {
		return
	}
	change := Change{
		Artifact: render.Artifact{Path: path, Mode: was.Mode, Effect: render.EffectOf(path)},
		Remove:   true, Was: &was, Stamp: render.Stamp(was.Content),
	}
	change.describe(b.Node)
	b.Changes = append(b.Changes, change)
}

// removeStale removes files of kplb's that the inventory no longer needs.
func (b *builder) removeStale(artifacts []render.Artifact) {
	for _, path := range render.Paths() {
		file, there := b.facts.Files[path]
		if there && !hasFile(artifacts, path) && render.Stamp(file.Content) != render.Unstamped {
			b.removeFile(path)
		}
	}
}

// planManifest plans an edit of the manifest of the node's apiserver.
func (b *builder) planManifest(edit func([]byte) ([]byte, error)) error {
	path := b.facts.Distribution.Layout().APIServerConfig
	was, ok := b.facts.Files[path]
	if !ok {
		return fmt.Errorf("%s is not there", path)
	}
	edited, err := edit(was.Content)
	if err != nil {
		return fmt.Errorf("%s %w", path, err)
	}
	if bytes.Equal(edited, was.Content) {
		return nil
	}
	b.Manifest = &Change{
		Artifact: render.Artifact{
			Path: path, Mode: was.Mode & fs.ModePerm, Content: edited, Effect: render.APIServerRestarts,
		},
		Owner: node.Owner{UID: was.UID, GID: was.GID}, Was: &was,
	}
	b.Manifest.describe(b.Node)
	return nil
}
