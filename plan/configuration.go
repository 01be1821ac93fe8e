package plan

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// HAProxy may be told to read other files beside its haproxy.cfg: by /etc/default/haproxy,
// by a drop-in of its unit, or by a unit of somebody's own. They are one configuration with
// kplb's.

// otherFile is a file beside haproxy.cfg, and what HAProxy does by it.
type otherFile struct {
	path   string
	serves []haproxy.Served
	read   bool // by the inspection
}

// readsOwn says whether a daemon reads kplb's file, which may be in a directory that
// it reads.
func readsOwn(files []string, own string) bool {
	return slices.ContainsFunc(files, func(name string) bool { return path.Clean(name) == own || path.Clean(name) == path.Dir(own) })
}

// haproxyFiles are the files and directories that haproxy.service reads; none: systemd
// does not say.
func haproxyFiles(f *node.Facts) []string {
	return haproxy.ConfigFiles(f.CommandLine("haproxy.service"))
}

// besides are the files that haproxy.service reads beside its haproxy.cfg. A directory of
// which no file is known is one of them.
func besides(f *node.Facts) []otherFile {
	var out []otherFile
	for _, name := range haproxyFiles(f) {
		name = path.Clean(name)
		inside := slices.DeleteFunc(slices.Sorted(maps.Keys(f.Files)), func(file string) bool {
			return path.Dir(file) != name || !strings.HasSuffix(file, ".cfg")
		})
		if len(inside) == 0 {
			inside = []string{name}
		}
		for _, file := range inside {
			if file == render.HAProxyPath {
				continue
			}
			found, ok := f.Files[file]
			ok = ok && found.Mode.IsRegular()
			o := otherFile{path: file, read: ok}
			if ok {
				o.serves = haproxy.Parse(found.Content).Serves()
			}
			out = append(out, o)
		}
	}
	return out
}

// endBesides adds what other files of HAProxy's lose or share when its haproxy.cfg
// becomes kplb's.
func (n *NodePlan) endBesides(f *node.Facts) {
	for _, o := range besides(f) {
		for _, s := range o.serves {
			if n.HAProxy == node.Stop {
				n.ends = append(n.ends, "haproxy "+s.String()+", of "+o.path)
			} else {
				n.ends = append(n.ends, "haproxy goes on "+s.Doing+" ("+s.Section+"), of "+o.path+", but with the settings of kplb's haproxy.cfg")
			}
		}
		if !o.read {
			n.ends = append(n.ends, "haproxy reads "+o.path+" with the settings of kplb's haproxy.cfg")
		}
	}
}
