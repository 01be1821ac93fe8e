// Package fleettest has clusters of stand-in nodes for tests of what works on
// several machines: nodes in memory that answer kplb's programs with what a test
// has written down. What kplb finds on them is plantest's.
//
// What is read from testdata is found from the directory of a package at the top
// of the tree.
package fleettest

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// Builtin are kplb's own templates.
func Builtin(t testing.TB) *render.Templates {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Same fails the test where got is not want.
func Same(t testing.TB, what string, got, want any, options ...cmp.Option) {
	t.Helper()
	options = append(options, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }))
	if d := cmp.Diff(want, got, options...); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// Says fails the test unless the error has exactly this text; "" for none.
func Says(t testing.TB, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	Same(t, "error", got, want)
}

// InBubble runs a test in a bubble of synctest: waiting takes no time, and the test
// fails if a goroutine is left.
func InBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}
