package foreign

import (
	"path"
	"slices"

	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/node"
)

// HeldBy is what keepalived has with a file and those that it includes, as far as
// the inspection has read them.
func HeldBy(f *node.Facts, file string, content []byte) []keepalived.Held {
	return included(f, file, content, map[string]bool{file: true})
}

// included is HeldBy; a file counts once.
func included(f *node.Facts, file string, content []byte, seen map[string]bool) []keepalived.Held {
	var out []keepalived.Held
	for _, h := range keepalived.Parse(content).Holds() {
		files := []string{}
		if h.Include != "" {
			files = matching(f, path.Dir(file), h.Include)
		}
		if len(files) == 0 {
			out = append(out, h)
		}
		for _, name := range files {
			if !seen[name] {
				seen[name] = true
				out = append(out, included(f, name, f.Files[name].Content, seen)...)
			}
		}
	}
	return out
}

// matching are the files on the node that an include line names.
func matching(f *node.Facts, dir, pattern string) []string {
	if !path.IsAbs(pattern) {
		pattern = path.Join(dir, pattern)
	}
	var out []string
	for name, file := range f.Files {
		if ok, err := path.Match(pattern, name); ok && err == nil && file.Mode.IsRegular() {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
