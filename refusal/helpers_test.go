package refusal_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/refusal"
)

// What nodes look like, see plantest.
var (
	parse = plantest.Parse
	fresh = plantest.Fresh
	put   = plantest.Put
	set   = plantest.Set
)

// all makes the facts of every control-plane node.
func all(t testing.TB, c *inventory.Cluster) map[string]*node.Facts {
	t.Helper()
	out := map[string]*node.Facts{}
	for _, n := range c.Nodes {
		out[n.Name] = fresh(t, c, n)
	}
	return out
}

// refuse is the error with the refusals of every control-plane node.
func refuse(c *inventory.Cluster, facts map[string]*node.Facts) error {
	var refused refusal.Error
	for _, n := range c.Nodes {
		refused.Refusals = append(refused.Refusals, refusal.OnNode(c, n, facts[n.Name])...)
	}
	if refused.Refusals == nil {
		return nil
	}
	return &refused
}

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// says fails the test unless the error has exactly this text; "" for none.
func says(t testing.TB, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	same(t, "error", got, want)
}

func address(iface, prefix string) node.Address {
	return node.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

func listener(at, process string) node.Listener {
	return node.Listener{Address: netip.MustParseAddrPort(at), Process: process}
}
