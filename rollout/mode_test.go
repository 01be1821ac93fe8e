package rollout

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kplb/kplb/node"
)

// modes are the fields of a Rollout that could change what its methods do. What
// was read of the nodes, and the connections to them, are none.
func modes(r *Rollout) map[string]string {
	out := map[string]string{}
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		switch field := v.Type().Field(i); field.Type.Kind() {
		case reflect.Bool, reflect.String, reflect.Slice, reflect.Int64:
			out[field.Name] = fmt.Sprint(v.Field(i))
		}
	}
	return out
}

// TestReadingChangesNoMode: what only reads leaves a Rollout as it was, so that
// what comes after it means the same with and without it.
func TestReadingChangesNoMode(t *testing.T) {
	t.Parallel()
	f := auditFleet(t)
	for _, n := range f.nodes { // the apiservers refuse anonymous requests, and HAProxy knows
		edit(n.facts, "/etc/haproxy/haproxy.cfg", "http-check expect status 200\n", "http-check expect status 200,401\n")
	}
	before := modes(f.Rollout)
	if _, err := f.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "after a status", modes(f.Rollout), before)
	if _, err := f.Verify(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	same(t, "after a verification", modes(f.Rollout), before)
	if _, err := f.Audit(t.Context(), 0, Depth{Tries: DefaultTries}); err != nil {
		t.Fatal(err)
	}
	same(t, "after an audit", modes(f.Rollout), before)
}

// TestOnlyAuditAsksForMore: what an Audit asks the nodes, nobody asks after it.
func TestOnlyAuditAsksForMore(t *testing.T) {
	t.Parallel()
	f := auditFleet(t)
	if _, err := f.Audit(t.Context(), 0, Depth{Tries: DefaultTries}); err != nil {
		t.Fatal(err)
	}
	same(t, "an audit asks for sysctls", asked[node.InspectRequest](f, "node-1 inspect").Sysctls, true)
	if _, err := f.Inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "an inspection after it", asked[node.InspectRequest](f, "node-1 inspect").Sysctls, false)
}

// TestConnectionsUnderTheirMutex: whoever touches the connections to nodes locks
// the mutex of the Rollout. They are made and dropped while others work.
func TestConnectionsUnderTheirMutex(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
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
			if !ok || !mentions(function, "r.hosts") {
				continue
			}
			users++
			if !mentions(function, "r.mu.Lock") {
				t.Errorf("%s: %s uses r.hosts without r.mu", file, function.Name.Name)
			}
		}
	}
	if users == 0 {
		t.Error("nobody uses r.hosts")
	}
}

// mentions says whether a selector such as r.mu.Lock is in a function.
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
