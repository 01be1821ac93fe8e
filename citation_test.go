package kplb_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var citation = regexp.MustCompile(`[A-Za-z0-9_.-]+\.md\b`)

// elsewhere are documents of other projects, and where they are.
var elsewhere = map[string]string{
	"ha-considerations.md": "https://github.com/kubernetes/kubeadm/blob/main/docs/ha-considerations.md",
}

var sourcePath = regexp.MustCompile("`([a-z]+/[A-Za-z0-9_./-]+\\.(?:go|sh|pl|tmpl))`")

// TestSourcePaths: a source file that a document names is there: code moves, and
// documents stay behind.
func TestSourcePaths(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob("docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, document := range append(append(documents, decisions...), "README.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range sourcePath.FindAllStringSubmatch(string(text), -1) {
			named++
			if strings.HasPrefix(m[1], "pkg/") { // of Kubernetes
				continue
			}
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s names %s: %v", document, m[1], err)
			}
		}
	}
	if named < 5 {
		t.Errorf("only %d source files are named anywhere: the test looks in the wrong place", named)
	}
}

// TestCitations: a document that a comment or another document names is in
// this repository: a reader can follow it.
func TestCitations(t *testing.T) {
	t.Parallel()
	documents, named := map[string]bool{}, map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == ".git" || name == "bin" {
				return fs.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".md":
			documents[d.Name()] = true
		case ".go", ".sh", ".yaml", ".tmpl", ".cfg", ".conf":
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		for _, name := range citation.FindAllString(string(text), -1) {
			named[name] = append(named[name], path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(named) < 10 {
		t.Errorf("only %d documents are named anywhere: the test looks in the wrong place", len(named))
	}
	for name, by := range named {
		if !documents[name] && elsewhere[name] == "" {
			t.Errorf("%s is not in this repository; named in %q", name, by)
		}
	}
}
