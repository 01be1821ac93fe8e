package fleet

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestStateUnderItsMutex: whoever touches what changes while others work locks the
// mutex that it belongs to.
func TestStateUnderItsMutex(t *testing.T) {
	t.Parallel()
	for state, lock := range map[string]string{
		"f.hosts": "f.mu.Lock", "f.facts": "f.mu.Lock", "f.absent": "f.mu.Lock", "f.leaving": "f.mu.Lock", "f.token": "f.mu.Lock", // of a Fleet
		"l.held": "l.mu.Lock", // of a Lock
		"a.pair": "a.mu.Lock", // of an administrator
	} {
		usedUnder(t, state, lock)
	}
}

// usedUnder fails the test where a function uses a field without its lock.
func usedUnder(t *testing.T, state, lock string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	users := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok || !mentions(function, state) {
				continue
			}
			users++
			if !mentions(function, lock) {
				t.Errorf("%s: %s uses %s without %s", file, function.Name.Name, state, lock)
			}
		}
	}
	if users == 0 {
		t.Error("nobody uses " + state)
	}
}

// mentions says whether a selector such as f.mu.Lock is in a function.
func mentions(function *ast.FuncDecl, selector string) bool {
	found := false
	ast.Inspect(function, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && selectorOf(s) == selector {
			found = true
		}
		return !found
	})
	return found
}

func selectorOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return selectorOf(e.X) + "." + e.Sel.Name
	}
	return ""
}
