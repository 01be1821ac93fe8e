package workstation

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/source"
)

// same fails the test where got is not want.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// refused fails the test unless the error is exactly this.
func refused(t *testing.T, do func() error, want string) {
	t.Helper()
	got := "no error"
	if err := do(); err != nil {
		got = err.Error()
	}
	same(t, "error", got, want)
}

// TestCluster: an inventory that is there is read, and one that is not is named.
func TestCluster(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cluster.yaml")
	if err := os.WriteFile(file, []byte("{apiVersion: kplb/v1alpha1, kind: Cluster, name: home, vip: 10.1.233.1, nodes: [{name: a, address: 10.1.1.1}]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := (&Settings{Inventory: file}).Cluster()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "name", c.Name, "home")
	for inventory, want := range map[string]string{
		"":             "no inventory: name one with --inventory FILE",
		"missing.yaml": "inventory: open missing.yaml: no such file or directory",
	} {
		refused(t, func() error { _, err := (&Settings{Inventory: inventory}).Cluster(); return err }, want)
	}
}

// TestClusterWithProblems: they come with what the file says, for whoever shows the place.
func TestClusterWithProblems(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cluster.yaml")
	if err := os.WriteFile(file, []byte("kind: Clutter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := (&Settings{Inventory: file}).Cluster()
	var bad *InventoryError
	var problems source.Problems
	if !errors.As(err, &bad) || !errors.As(err, &problems) {
		t.Fatalf("%T: %v", err, err)
	}
	same(t, "the file", string(bad.Data), "kind: Clutter\n")
	same(t, "the error", bad.Error(), problems.Error())
}

// TestParseTemplates: the operator's directory has to be there, and its templates to be
// some.
func TestParseTemplates(t *testing.T) {
	t.Parallel()
	if _, err := (&Settings{}).ParseTemplates(); err != nil {
		t.Error(err)
	}
	dir, empty := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg.tmpl"), []byte("{{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for templates, want := range map[string]string{
		"missing": "templates: stat missing: no such file or directory",
		empty:     "templates: the directory of templates holds no *.tmpl file",
		dir:       "templates: template: haproxy.cfg.tmpl:1: unclosed action",
	} {
		refused(t, func() error { _, err := (&Settings{Templates: templates}).ParseTemplates(); return err }, want)
	}
}
