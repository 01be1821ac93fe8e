package fleet

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestConnectionsUnderTheirMutex: whoever touches the connections to nodes locks
// the mutex of the Fleet. They are made and dropped while others work.
func TestConnectionsUnderTheirMutex(t *testing.T) {
	t.Parallel()
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
			if !ok || !mentions(function, "f.hosts") {
				continue
			}
			users++
			if !mentions(function, "f.mu.Lock") {
				t.Errorf("%s: %s uses f.hosts without f.mu", file, function.Name.Name)
			}
		}
	}
	if users == 0 {
		t.Error("nobody uses f.hosts")
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
