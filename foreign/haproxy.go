// Package foreign reads what configurations that kplb has not written do on a node: the
// files that HAProxy reads beside haproxy.cfg, and what keepalived has by its file and
// those that it includes.
//
// It works on the facts of a node, and knows of files only what the inspection has read:
// one that was not read is named as such, and never taken for an empty one.
package foreign

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

// File is a file beside haproxy.cfg, and what HAProxy does by it.
type File struct {
	Path   string
	Serves []haproxy.Served
	Read   bool // by the inspection
}

// Reads says whether a daemon reads kplb's file, which may be in a directory that
// it reads.
func Reads(files []string, own string) bool {
	return slices.ContainsFunc(files, func(name string) bool { return path.Clean(name) == own || path.Clean(name) == path.Dir(own) })
}

// HAProxyFiles are the files and directories that haproxy.service reads; none: systemd
// does not say.
func HAProxyFiles(f *node.Facts) []string {
	return haproxy.ConfigFiles(f.CommandLine("haproxy.service"))
}

// Besides are the files that haproxy.service reads beside its haproxy.cfg. A directory of
// which no file is known is one of them.
func Besides(f *node.Facts) []File {
	var out []File
	for _, name := range HAProxyFiles(f) {
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
			o := File{Path: file, Read: ok}
			if ok {
				o.Serves = haproxy.Parse(found.Content).Serves()
			}
			out = append(out, o)
		}
	}
	return out
}
