package render

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/templates"
)

var update = flag.Bool("update", false, "write the goldens anew")

const casesDir = "../testdata/render"

// withoutGolden are cases whose files would only repeat those of others.
var withoutGolden = []string{"fifteen-nodes"}

// examples are cases whose inventory is an example that users are shown.
var examples = []string{"tutorial", "minimal", "full", "shared-port", "redirect", "other-port", "extra-lines", "preferred-order", "multicast", "dual-stack", "active-active", "services", "worker-balancer", "ipvs", "metrics", "fast", "raspberry-pi"}

// forCases runs test for every inventory of testdata/render.
func forCases(t *testing.T, test func(t *testing.T, dir string, c *inventory.Cluster)) {
	t.Helper()
	paths, err := filepath.Glob(casesDir + "/*/inventory.yaml")
	if err != nil || len(paths) < 9 {
		t.Fatalf("%d cases: %v", len(paths), err)
	}
	for _, path := range paths {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			test(t, dir, loadCluster(t, path))
		})
	}
}

func loadCluster(t testing.TB, path string) *inventory.Cluster {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := inventory.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func builtin(t testing.TB) *Templates {
	t.Helper()
	parsed, err := Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func renderTree(t testing.TB, c *inventory.Cluster) Tree {
	t.Helper()
	tree, err := builtin(t).Cluster(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestGolden(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, dir string, c *inventory.Cluster) {
		tree := renderTree(t, c)
		want := len(c.Nodes) * len(filesOf(c))
		if c.WorkerBalancer != nil {
			want += len(c.Workers) * len(WorkerPaths())
		}
		if len(tree) != want {
			t.Errorf("%d files for %d nodes and %d workers", len(tree), len(c.Nodes), len(c.Workers))
		}
		if slices.Contains(withoutGolden, filepath.Base(dir)) {
			return
		}
		golden := filepath.Join(dir, "golden")
		if *update {
			if err := os.RemoveAll(golden); err != nil {
				t.Fatal(err)
			}
			if err := tree.Write(golden); err != nil {
				t.Fatal(err)
			}
		}
		diff, err := tree.Check(golden)
		if err != nil {
			t.Fatal(err)
		}
		if len(diff) > 0 {
			t.Errorf("the goldens differ; go test ./render -update writes them anew:\n%s", diff)
		}
		for path, a := range tree {
			info, err := os.Stat(filepath.Join(golden, path))
			if err != nil {
				t.Error(err)
			} else if got, want := info.Mode().Perm()&0o111, a.Mode&0o111; got != want {
				t.Errorf("%s has the executable bits %o, want %o", path, got, want)
			}
		}
	})
}

// TestRenderTwice: the same bytes every time, also from templates parsed anew.
func TestRenderTwice(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, dir string, c *inventory.Cluster) {
		again := loadCluster(t, filepath.Join(dir, "inventory.yaml"))
		if d := cmp.Diff(renderTree(t, c), renderTree(t, again)); d != "" {
			t.Errorf("two renders differ:\n%s", d)
		}
	})
}

// TestExamplesAreCases: what users are shown is what the goldens are of.
func TestExamplesAreCases(t *testing.T) {
	t.Parallel()
	for _, name := range examples {
		example, err := os.ReadFile("../examples/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(casesDir, name, "inventory.yaml")
		if *update {
			if err := os.WriteFile(path, example, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(example), string(golden)); d != "" {
			t.Errorf("%s is not the example (go test ./render -update copies it):\n%s", path, d)
		}
	}
}

// TestVersions: the unified diff from the files for the default versions to
// those for others.
func TestVersions(t *testing.T) {
	t.Parallel()
	c := loadCluster(t, casesDir+"/minimal/inventory.yaml")
	node := c.Nodes[0]
	content := func(t *testing.T, path string, f Facts) []byte {
		t.Helper()
		artifacts, err := builtin(t).Node(c, node, f)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(artifacts, func(a Artifact) bool { return a.Path == path })
		return artifacts[i].Content
	}
	for _, v := range []struct {
		daemon, version, path string
	}{
		{"haproxy", "2.2.0", HAProxyPath},
		{"haproxy", "2.2.9", HAProxyPath},
		{"haproxy", "2.4.0", HAProxyPath},
		{"haproxy", "2.6.12", HAProxyPath},
		{"haproxy", "2.8.0", HAProxyPath},
		{"haproxy", "3.0.11", HAProxyPath},
		{"haproxy", "3.2.26", HAProxyPath},
		{"keepalived", "2.0.19", KeepalivedPath},
		{"keepalived", "2.1.4", KeepalivedPath},
		{"keepalived", "2.1.5", KeepalivedPath},
		{"keepalived", "2.2.4", KeepalivedPath},
		{"keepalived", "2.2.7", KeepalivedPath},
		{"keepalived", "2.2.8", KeepalivedPath},
		{"keepalived", "2.3.3", KeepalivedPath},
		{"keepalived", "2.4.3", KeepalivedPath},
	} {
		t.Run(v.daemon+"-"+v.version, func(t *testing.T) {
			t.Parallel()
			version, err := ParseVersion(v.version)
			if err != nil {
				t.Fatal(err)
			}
			f := DefaultFacts(node)
			def := content(t, v.path, f)
			if v.daemon == "haproxy" {
				f.HAProxy = version
			} else {
				f.Keepalived = version
			}
			diff := Diff("default", def, v.daemon+" "+v.version, content(t, v.path, f))
			path := filepath.Join(casesDir, "versions", v.daemon+"-"+v.version+".diff")
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, diff, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(diff, want) {
				t.Errorf("%s (-want +got):\n%s", path, cmp.Diff(string(want), string(diff)))
			}
		})
	}
}

// TestEveryTemplateIsRendered: a template that no artifact is made of would be
// without effect, and so would be its override.
func TestEveryTemplateIsRendered(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(templates.Builtin(), "*")
	if err != nil {
		t.Fatal(err)
	}
	used := make([]string, 0, len(allFiles())+len(exports))
	for _, f := range slices.Concat(allFiles(), workerFiles) {
		used = append(used, f.template)
	}
	for _, e := range exports {
		used = append(used, e.template)
	}
	slices.Sort(used)
	if d := cmp.Diff(names, used); d != "" {
		t.Errorf("templates (-there +used):\n%s", d)
	}
}

// TestRenderedText: what every rendered file must and must not have.
func TestRenderedText(t *testing.T) {
	t.Parallel()
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		for path, a := range renderTree(t, c) {
			if got := Stamp(a.Content); got != Intact {
				t.Errorf("%s: %s", path, got)
			}
			for _, bad := range []string{"<no value>", "{{", "%!", "\t", "\r", " \n", "\n\n\n", "<nil>", "0x"} {
				if bytes.Contains(a.Content, []byte(bad)) {
					t.Errorf("%s has %q", path, bad)
				}
			}
			if !bytes.HasSuffix(a.Content, []byte("\n")) || bytes.HasSuffix(a.Content, []byte("\n\n")) {
				t.Errorf("%s does not end in one newline", path)
			}
		}
	})
}
