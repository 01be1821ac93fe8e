package render

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func smallTree() Tree {
	return Tree{
		"b/etc/a.conf":    {Path: "/etc/a.conf", Mode: 0o600, Content: []byte("a of b\n")},
		"a/etc/a.conf":    {Path: "/etc/a.conf", Mode: 0o644, Content: []byte("a\n")},
		"a/usr/bin/check": {Path: "/usr/bin/check", Mode: 0o755, Content: []byte("#!/bin/sh\n")},
	}
}

// listing is what a directory holds: path to mode and content.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		found[rel] = info.Mode().String() + " " + string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, tree Tree) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "made", "by kplb")
	if err := tree.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTreePaths(t *testing.T) {
	t.Parallel()
	if got, want := smallTree().Paths(), []string{"a/etc/a.conf", "a/usr/bin/check", "b/etc/a.conf"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTreeWrite(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"a/etc/a.conf":    "-rw-r--r-- a\n",
		"a/usr/bin/check": "-rwxr-xr-x #!/bin/sh\n",
		"b/etc/a.conf":    "-rw-r--r-- a of b\n",
	}
	dir := write(t, smallTree())
	if d := cmp.Diff(want, listing(t, dir)); d != "" {
		t.Errorf("written:\n%s", d)
	}

	// the second time over the first, beside what others put there
	if err := os.WriteFile(filepath.Join(dir, "mine"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a/etc/a.conf"), []byte("a longer one than before\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := smallTree().Write(dir); err != nil {
		t.Fatal(err)
	}
	want["mine"] = "-rw------- mine"
	if d := cmp.Diff(want, listing(t, dir)); d != "" {
		t.Errorf("written twice:\n%s", d)
	}
}

// TestTreeWriteThroughLinks: a link is replaced, what it points at stays.
func TestTreeWriteThroughLinks(t *testing.T) {
	t.Parallel()
	dir := write(t, smallTree())
	target := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(target, []byte("root"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "a/etc/a.conf")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := smallTree().Write(dir); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(target); err != nil || string(content) != "root" {
		t.Errorf("the target of the link became %q, %v", content, err)
	}
	if got := listing(t, dir)["a/etc/a.conf"]; got != "-rw-r--r-- a\n" {
		t.Errorf("the link became %q", got)
	}
}

// TestTreeWriteFails: a file that cannot be replaced stays whole, and nothing
// temporary is left.
func TestTreeWriteFails(t *testing.T) {
	t.Parallel()
	t.Run("a directory in the way", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "a/etc/a.conf/full"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := smallTree().Write(dir); err == nil || !strings.Contains(err.Error(), "a/etc/a.conf: file exists") {
			t.Errorf("got %v", err)
		}
		if d := cmp.Diff(map[string]string{}, listing(t, dir)); d != "" {
			t.Errorf("left:\n%s", d)
		}
	})
	t.Run("a file in the way", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := smallTree().Write(dir); err == nil || !strings.Contains(err.Error(), "not a directory") {
			t.Errorf("got %v", err)
		}
		if d := cmp.Diff(map[string]string{"a": "-rw------- mine"}, listing(t, dir)); d != "" {
			t.Errorf("left:\n%s", d)
		}
	})
}

func TestTreeCheck(t *testing.T) {
	t.Parallel()
	put := func(path, content string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, dir string)
		want   string // DIR for the directory
	}{
		"equal": {func(*testing.T, string) {}, ""},
		"changed": {
			put("b/etc/a.conf", "a of b, changed\n"),
			"diff DIR/b/etc/a.conf rendered/b/etc/a.conf\n--- DIR/b/etc/a.conf\n+++ rendered/b/etc/a.conf\n@@ -1,1 +1,1 @@\n-a of b, changed\n+a of b\n",
		},
		"emptied": {
			put("b/etc/a.conf", ""),
			"diff DIR/b/etc/a.conf rendered/b/etc/a.conf\n--- DIR/b/etc/a.conf\n+++ rendered/b/etc/a.conf\n@@ -0,0 +1,1 @@\n+a of b\n",
		},
		"without a newline": {
			put("b/etc/a.conf", "a of b"),
			"diff DIR/b/etc/a.conf rendered/b/etc/a.conf\n--- DIR/b/etc/a.conf\n+++ rendered/b/etc/a.conf\n@@ -1,1 +1,1 @@\n-a of b\n\\ No newline at end of file\n+a of b\n",
		},
		"missing": {
			func(t *testing.T, dir string) {
				t.Helper()
				if err := os.Remove(filepath.Join(dir, "a/usr/bin/check")); err != nil {
					t.Fatal(err)
				}
			},
			"diff /dev/null rendered/a/usr/bin/check\n--- /dev/null\n+++ rendered/a/usr/bin/check\n@@ -0,0 +1,1 @@\n+#!/bin/sh\n",
		},
		"extra": {
			put("a/etc/old.conf", "old\n"),
			"diff DIR/a/etc/old.conf /dev/null\n--- DIR/a/etc/old.conf\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-old\n",
		},
		"extra and empty": {put("a/etc/.gitkeep", ""), "diff DIR/a/etc/.gitkeep /dev/null\n(an empty file)\n"},
		"a secret in it": {
			put("a/etc/old.conf", "auth_pass cAnary-7x\n"),
			"diff DIR/a/etc/old.conf /dev/null\n--- DIR/a/etc/old.conf\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-auth_pass <secret>\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, smallTree())
			test.change(t, dir)
			before := listing(t, dir)
			diff, err := smallTree().Check(dir)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, strings.ReplaceAll(string(diff), dir, "DIR")); d != "" {
				t.Errorf("diff:\n%s", d)
			}
			if d := cmp.Diff(before, listing(t, dir)); d != "" {
				t.Errorf("the check changed something:\n%s", d)
			}
		})
	}
}

// TestTreeCheckOrder: one diff for each file, in the order of the paths.
func TestTreeCheckOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "aa"), []byte("extra\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	diff, err := smallTree().Check(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.SplitSeq(string(diff), "\n") {
		if strings.HasPrefix(line, "diff ") {
			got = append(got, strings.ReplaceAll(line, dir, "DIR"))
		}
	}
	want := []string{
		"diff /dev/null rendered/a/etc/a.conf", "diff /dev/null rendered/a/usr/bin/check",
		"diff DIR/aa /dev/null", "diff /dev/null rendered/b/etc/a.conf",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTreeCheckRefuses(t *testing.T) {
	t.Parallel()
	dir := write(t, smallTree())
	link := filepath.Join(dir, "a/etc/link")
	if err := os.Symlink("a.conf", link); err != nil {
		t.Fatal(err)
	}
	if _, err := smallTree().Check(dir); err == nil || err.Error() != link+" is not a regular file" {
		t.Errorf("a link: %v", err)
	}
	missing := filepath.Join(dir, "missing")
	if _, err := smallTree().Check(missing); err == nil || !strings.Contains(err.Error(), missing+": no such file or directory") {
		t.Errorf("a missing directory: %v", err)
	}
	file := filepath.Join(dir, "a/etc/a.conf")
	if _, err := smallTree().Check(file); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file: %v", err)
	}
}

// TestTreeCheckLinkToDirectory: the directory itself may be a link.
func TestTreeCheckLinkToDirectory(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(write(t, smallTree()), link); err != nil {
		t.Fatal(err)
	}
	if diff, err := smallTree().Check(link); err != nil || len(diff) > 0 {
		t.Errorf("%v\n%s", err, diff)
	}
}
