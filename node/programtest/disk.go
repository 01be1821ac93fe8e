package programtest

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// disk is the root file system of a node: what is read, written and reset from
// outside of it.
type disk struct {
	t     testing.TB
	files *os.Root
}

// rel is a path in disk.files.
func rel(name string) string { return strings.TrimPrefix(path.Clean(name), "/") }

// Tree reads the state of the node.
func (d *disk) Tree() Tree {
	d.t.Helper()
	return d.tree("")
}

// tree reads a state that is kept in a directory, which is empty or ends in a slash.
func (d *disk) tree(root string) Tree {
	d.t.Helper()
	out := Tree{}
	for _, dir := range stateDirs {
		err := fs.WalkDir(d.files.FS(), root+dir, func(name string, found fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			entry, err := d.entry(name, found)
			out["/"+strings.TrimPrefix(name, root)] = entry
			return err
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	return out
}

func (d *disk) entry(name string, found fs.DirEntry) (Entry, error) {
	info, err := found.Info()
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
		content, err = d.files.ReadFile(name)
		entry.Content = string(content)
	case fs.ModeSymlink:
		entry.Content, err = d.files.Readlink(name)
	}
	return entry, err
}

// Reset gives the node an earlier state.
func (d *disk) Reset(want Tree) {
	d.t.Helper()
	have := d.Tree()
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(have))) { // what is in a directory comes first
		if w, there := want[name]; !there || w.Mode.Type() != have[name].Mode.Type() {
			d.check(d.files.RemoveAll(rel(name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have[name] != want[name] {
			d.put(name, want[name])
		}
	}
}

func (d *disk) put(name string, e Entry) {
	d.t.Helper()
	name = rel(name)
	switch e.Mode.Type() {
	case fs.ModeDir:
		d.check(d.files.MkdirAll(name, 0o700))
	case fs.ModeSymlink:
		_ = d.files.Remove(name) // it may point elsewhere
		d.check(d.files.Symlink(e.Content, name))
		return
	case 0:
		d.check(d.files.WriteFile(name, []byte(e.Content), 0o600))
	default:
		d.t.Fatalf("%s is of a kind that cannot be made again: %s", name, e.Mode)
	}
	if os.Getuid() == 0 {
		d.check(d.files.Lchown(name, e.UID, e.GID))
	}
	d.check(d.files.Chmod(name, e.Mode.Perm()))
}

func (d *disk) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// Write writes a file of root's, and makes its directory.
func (d *disk) Write(name, content string, mode fs.FileMode) {
	d.t.Helper()
	d.check(d.files.MkdirAll(rel(path.Dir(name)), 0o755))
	d.put(name, Entry{Mode: mode, Content: content})
}

// Read is what a file has in it; empty, if it is not there.
func (d *disk) Read(name string) string {
	content, _ := d.files.ReadFile(rel(name)) // see above
	return string(content)
}

// Exists says whether there is anything at a path.
func (d *disk) Exists(name string) bool {
	_, err := d.files.Lstat(rel(name))
	return err == nil
}

// Remove removes a path, and what is below it.
func (d *disk) Remove(name string) {
	d.t.Helper()
	d.check(d.files.RemoveAll(rel(name)))
}
