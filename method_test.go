package kplb_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
)

// mostMethods is how many methods a type may have: one with more has more than one
// job, and its fields become modes of methods that know nothing of each other.
const mostMethods = 22

// TestMethods: no type has more than mostMethods.
func TestMethods(t *testing.T) {
	t.Parallel()
	methods := map[string]map[string]bool{} // by type
	for _, p := range list(t) {
		for _, name := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range parsed.Decls {
				if method, receiver := methodOf(d); method != "" {
					of := path.Join(p.name(), receiver)
					if methods[of] == nil {
						methods[of] = map[string]bool{}
					}
					methods[of][method] = true
				}
			}
		}
	}
	for _, of := range slices.Sorted(maps.Keys(methods)) {
		if n := len(methods[of]); n > mostMethods {
			t.Errorf("%s has %d methods, at most %d wanted", of, n, mostMethods)
		}
	}
	if len(methods["rollout/Rollout"]) == 0 {
		t.Error("rollout/Rollout is not found")
	}
}

// mostLines is how many lines a package may have, without its tests: a larger one is
// more than one room.
const mostLines = 3000

// TestSizes: no package has more than mostLines.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		lines := 0
		for _, name := range p.GoFiles {
			source, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			lines += bytes.Count(source, []byte("\n"))
		}
		if lines > mostLines {
			t.Errorf("%s has %d lines, at most %d wanted", p.name(), lines, mostLines)
		}
	}
}

// methodOf names a method and its type; empty: the declaration is something else.
func methodOf(d ast.Decl) (method, receiver string) {
	f, ok := d.(*ast.FuncDecl)
	if !ok || f.Recv == nil {
		return "", ""
	}
	typ := f.Recv.List[0].Type
	if pointer, ok := typ.(*ast.StarExpr); ok {
		typ = pointer.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	name, ok := typ.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return f.Name.Name, name.Name
}
