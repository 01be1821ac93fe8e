package refusal

import (
	"io/fs"
	"path"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// refuseFiles refuses to replace anything but a regular file.
func refuseFiles(f *node.Facts, refuse refuseFunc) {
	for _, path := range append(render.Paths(), f.Distribution.Layout().APIServerConfig) {
		file, ok := f.Files[path]
		if !ok {
			continue
		}
		if !file.Mode.IsRegular() {
			refuse("", "move it away, then apply again", "%s is a %s, not a regular file", path, Kind(file.Mode))
		}
	}
}

// Kind is a word for a file that is not regular.
func Kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	default:
		return "special file"
	}
}

// refuseManifests refuses a directory of static pods with none or several apiserver
// manifests.
func refuseManifests(f *node.Facts, refuse refuseFunc) {
	manifest := f.Distribution.Layout().APIServerConfig
	if _, ok := f.Files[manifest]; !ok {
		refuse("", "list control-plane nodes that kubeadm made", "%s is not there: not a kubeadm control-plane node", manifest)
		return
	}
	for _, m := range f.Manifests {
		if m != path.Base(manifest) && !strings.HasPrefix(m, ".") && strings.Contains(m, distribution.APIServer) {
			refuse("", "move it out of that directory: kubelet runs every file there, backups too",
				"%s is a second apiserver manifest", path.Join(path.Dir(manifest), m))
		}
	}
}
