// Package fleettest has clusters of stand-in nodes for tests of what works on
// several machines: nodes in memory that answer kplb's programs with what a test
// has written down, and the facts of nodes as kplb finds them.
//
// What is read from testdata is found from the directory of a package at the top
// of the tree.
package fleettest

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// Home is the inventory of most tests. The positions in messages are its.
const Home = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - name: node-3
    address: 10.1.1.3
    interface: eth0
ssh: {user: pi}
haproxy:
  monitorPort: 8404
`

// Parse reads an inventory that is sound.
func Parse(t testing.TB, text string) *inventory.Cluster {
	t.Helper()
	c, err := inventory.Parse("cluster.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Builtin are kplb's own templates.
func Builtin(t testing.TB) *render.Templates {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestData reads a file that was captured on a node of the lab, or written by
// hand after one.
func TestData(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/rollout", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
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
