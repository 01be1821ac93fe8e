package plan

import (
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// A node whose /var/lib/kplb is lost does not say that kplb was there, but its files do:
// they are stamped.

// restoreUnkept plans to restore a node to its state before kplb that keeps no generation:
// there is nothing to do, or kplb's own files go, and its daemons stop. A worker is only
// ever restored to what it keeps.
func (in *Input) restoreUnkept(n inventory.Node, f *node.Facts) (NodePlan, error) {
	if n.Worker || len(member.Stamped(f)) == 0 {
		p := newNodePlan(in.Cluster, n, f)
		p.Leaving = in.isLeaving(n)
		return p, nil
	}
	r := restorer{newBuilder(in.Cluster, n, f), withoutStamped(f)}
	r.Leaving, r.Restore = in.isLeaving(n), true
	r.note("/var/lib/kplb is lost, and with it what was there before: kplb's files go, and the apiserver's manifest stays as it is")
	err := r.controlPlane()
	r.RestoreSettings = nil
	in.blank(&r.NodePlan)
	if err != nil {
		return r.NodePlan, refusedManifest(n, err)
	}
	return r.NodePlan, nil
}

// withoutStamped is what is known of a node's state before kplb from the files that are
// there now. A stamped file counts as absent, and its unit as off, as in stage.sh.
func withoutStamped(f *node.Facts) *node.Snapshot {
	s := &node.Snapshot{Files: map[string]node.File{}, Units: map[string]node.Unit{}}
	off := node.Unit{Active: "inactive", File: "disabled"}
	for name, path := range map[string]string{"haproxy": render.HAProxyPath, "keepalived": render.KeepalivedPath} {
		s.Units[name] = off
		if file, there := f.Files[path]; there && render.Stamp(file.Content) == render.Unstamped {
			s.Units[name] = f.Units[name+".service"]
		}
	}
	for _, path := range append(render.Paths(), f.Distribution.Layout().APIServerConfig) {
		if file, there := f.Files[path]; there && render.Stamp(file.Content) == render.Unstamped {
			s.Files[path] = file
		}
	}
	return s
}
