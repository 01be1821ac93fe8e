package programtest

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Entry is a file, a directory or anything else that has a name.
type Entry struct {
	Mode     fs.FileMode
	UID, GID int
	Content  string // of a symbolic link: where it points
}

// Tree is the state of a node: every path that a program may write, with what is there.
type Tree map[string]Entry

// stateDirs are what a Tree has.
var stateDirs = []string{"etc", "var/lib", "run", "proc/sys", "proc/net", "proc/uptime", "node"}

// Has says whether there is anything at a path.
func (t Tree) Has(name string) bool {
	_, has := t[name]
	return has
}

// Without leaves out paths, and what is below them.
func (t Tree) Without(paths ...string) Tree {
	return t.filter(func(name string) bool {
		return !slices.ContainsFunc(paths, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") })
	})
}

// Below is what is at paths, and below them.
func (t Tree) Below(paths ...string) Tree {
	return t.filter(func(name string) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") })
	})
}

// Files leaves out directories.
func (t Tree) Files() Tree {
	return t.filter(func(name string) bool { return !t[name].Mode.IsDir() })
}

func (t Tree) filter(keep func(name string) bool) Tree {
	out := maps.Clone(t)
	maps.DeleteFunc(out, func(name string, _ Entry) bool { return !keep(name) })
	return out
}
