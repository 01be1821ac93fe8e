package render

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/google/renameio/v2"

	"github.com/kplb/kplb/inventory"
)

// Tree holds rendered files by their path below a directory:
// <node>/<absolute path on the node>.
type Tree map[string]Artifact

// Cluster renders every node, workers with a balancer included, with the facts that are given for it, or the
// defaults.
func (t *Templates) Cluster(c *inventory.Cluster, facts map[string]Facts) (Tree, error) {
	tree := Tree{}
	for _, n := range slices.Concat(c.Nodes, c.Workers) {
		f, ok := facts[n.Name]
		if !ok {
			f = DefaultFacts(n)
		}
		of := t.Node
		if n.Worker {
			of = t.Worker
		}
		artifacts, err := of(c, n, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name, err)
		}
		for _, a := range artifacts {
			tree[n.Name+a.Path] = a
		}
	}
	return tree, nil
}

// Paths lists the tree's paths in order.
func (t Tree) Paths() []string {
	paths := make([]string, 0, len(t))
	for p := range t {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	return paths
}

// Write puts the tree below dir, which is made if need be. Each file is
// replaced whole; files of dir that are not in the tree stay.
func (t Tree) Write(dir string) error {
	for _, p := range t.Paths() {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(p)), t[p]); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, a Artifact) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// nothing secret is in it: as readable as a checked-out golden
	mode := 0o644 | a.Mode&0o111
	return renameio.WriteFile(path, a.Content, mode, renameio.WithStaticPermissions(mode), renameio.WithTempDir(filepath.Dir(path)))
}

// Check compares dir with the tree: the unified diff from what dir holds to
// what the tree would write, empty where they are equal. A file of dir that
// is not in the tree is a difference too.
func (t Tree) Check(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing was written
	found := map[string][]byte{}
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", filepath.Join(dir, path))
		}
		content, err := fs.ReadFile(root.FS(), path)
		found[path] = append([]byte{}, content...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.diff(dir, found), nil
}

func (t Tree) diff(dir string, found map[string][]byte) []byte {
	union := t.Paths()
	for p := range found {
		if _, ok := t[p]; !ok {
			union = append(union, p)
		}
	}
	sort.Strings(union)
	var out bytes.Buffer
	for _, p := range union {
		var want []byte
		if a, ok := t[p]; ok {
			want = a.Content
		}
		out.Write(Diff(filepath.Join(dir, filepath.FromSlash(p)), found[p], "rendered/"+p, want))
	}
	return out.Bytes()
}
