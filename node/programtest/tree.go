package programtest

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
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

// rel is a path in n.files.
func rel(name string) string { return strings.TrimPrefix(path.Clean(name), "/") }

// Tree reads the state of the node.
func (n *Node) Tree() Tree {
	n.t.Helper()
	return n.tree("")
}

// tree reads a state that is kept in a directory, which is empty or ends in a slash.
func (n *Node) tree(root string) Tree {
	n.t.Helper()
	out := Tree{}
	for _, dir := range stateDirs {
		err := fs.WalkDir(n.files.FS(), root+dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			entry, err := n.entry(name, d)
			out["/"+strings.TrimPrefix(name, root)] = entry
			return err
		})
		if err != nil {
			n.t.Fatal(err)
		}
	}
	return out
}

func (n *Node) entry(name string, d fs.DirEntry) (Entry, error) {
	info, err := d.Info()
	if err != nil {
		return Entry{}, err
	}
	entry := Entry{Mode: info.Mode()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		entry.UID, entry.GID = int(stat.Uid), int(stat.Gid)
	}
	switch entry.Mode.Type() {
	case 0:
		var content []byte
		content, err = n.files.ReadFile(name)
		entry.Content = string(content)
	case fs.ModeSymlink:
		entry.Content, err = n.files.Readlink(name)
	}
	return entry, err
}

// Reset gives the node an earlier state.
func (n *Node) Reset(want Tree) {
	n.t.Helper()
	have := n.Tree()
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(have))) { // what is in a directory comes first
		if w, there := want[name]; !there || w.Mode.Type() != have[name].Mode.Type() {
			n.check(n.files.RemoveAll(rel(name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have[name] != want[name] {
			n.put(name, want[name])
		}
	}
}

func (n *Node) put(name string, e Entry) {
	n.t.Helper()
	name = rel(name)
	switch e.Mode.Type() {
	case fs.ModeDir:
		n.check(n.files.MkdirAll(name, 0o700))
	case fs.ModeSymlink:
		_ = n.files.Remove(name) // it may point elsewhere
		n.check(n.files.Symlink(e.Content, name))
		return
	case 0:
		n.check(n.files.WriteFile(name, []byte(e.Content), 0o600))
	default:
		n.t.Fatalf("%s is of a kind that cannot be made again: %s", name, e.Mode)
	}
	if os.Getuid() == 0 {
		n.check(n.files.Lchown(name, e.UID, e.GID))
	}
	n.check(n.files.Chmod(name, e.Mode.Perm()))
}

func (n *Node) check(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

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

// Write writes a file of root's, and makes its directory.
func (n *Node) Write(name, content string, mode fs.FileMode) {
	n.t.Helper()
	n.check(n.files.MkdirAll(rel(path.Dir(name)), 0o755))
	n.put(name, Entry{Mode: mode, Content: content})
}

// Read is what a file has in it; empty, if it is not there.
func (n *Node) Read(name string) string {
	content, _ := n.files.ReadFile(rel(name)) // see above
	return string(content)
}

// Exists says whether there is anything at a path.
func (n *Node) Exists(name string) bool {
	_, err := n.files.Lstat(rel(name))
	return err == nil
}

// Remove removes a path, and what is below it.
func (n *Node) Remove(name string) {
	n.t.Helper()
	n.check(n.files.RemoveAll(rel(name)))
}
