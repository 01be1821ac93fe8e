package vrrp

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// parsed is the inventory of a cluster with the given text.
func parsed(t *testing.T, text string) *inventory.Cluster {
	t.Helper()
	c, err := inventory.Parse("cluster.yaml", []byte("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const threeNodes = `nodes:
  - {name: a, address: 10.1.1.1}
  - {name: b, address: 10.1.1.2}
  - {name: c, address: 10.1.1.3}
`

// withVIPs is a cluster of three nodes with addresses of both families.
func withVIPs(t *testing.T, vip, more string) *inventory.Cluster {
	t.Helper()
	return parsed(t, "vip: "+vip+"\n"+more+`
nodes:
  - {name: a, address: [10.1.1.1, "fd10:1::1"]}
  - {name: b, address: [10.1.1.2, "fd10:1::2"]}
  - {name: c, address: [10.1.1.3, "fd10:1::3"]}
`)
}

// withVRRP is the minimal example with something below vrrp.
func withVRRP(t *testing.T, vrrp string) *inventory.Cluster {
	t.Helper()
	text, err := os.ReadFile("../examples/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(vrrp, "{"):
		text = append(text, "vrrp: "+vrrp+"\n"...)
	case vrrp != "":
		text = append(text, "vrrp: {"+vrrp+"}\n"...)
	}
	c, err := inventory.Parse("minimal.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// forCases runs test for every inventory that the goldens are of.
func forCases(t *testing.T, test func(t *testing.T, c *inventory.Cluster)) {
	t.Helper()
	paths, err := filepath.Glob("../testdata/render/*/inventory.yaml")
	if err != nil || len(paths) < 9 {
		t.Fatalf("%d cases: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c, err := inventory.Parse(path, text)
			if err != nil {
				t.Fatal(err)
			}
			test(t, c)
		})
	}
}

// rendered are the files of each node, from the built-in templates with some
// text replaced: template, from, to.
func rendered(t *testing.T, c *inventory.Cluster, changes ...[3]string) func(node string) Files {
	t.Helper()
	var own fs.FS // none: the built-in templates alone
	if changes != nil {
		own = replaced(t, changes)
	}
	set, err := render.Parse(templates.Builtin(), own)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := set.Cluster(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(node string) Files {
		return Files{tree[node+render.KeepalivedPath].Content, tree[node+render.HAProxyUnitPath].Content}
	}
}

// replaced are the built-in templates that something is replaced in.
func replaced(t *testing.T, changes [][3]string) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	for _, change := range changes {
		name, from, to := change[0], change[1], change[2]
		if out[name] == nil {
			text, err := fs.ReadFile(templates.Builtin(), name)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = &fstest.MapFile{Data: text}
		}
		text := string(out[name].Data)
		if !strings.Contains(text, from) {
			t.Fatalf("%s has no %q", name, from)
		}
		out[name].Data = []byte(strings.Replace(text, from, to, 1))
	}
	return out
}

// soundness is Sound for the speakers of what is rendered.
func soundness(t *testing.T, c *inventory.Cluster, changes ...[3]string) error {
	t.Helper()
	speakers, err := ReadCluster(c, rendered(t, c, changes...))
	if err != nil {
		return err
	}
	return Sound(c, speakers)
}
