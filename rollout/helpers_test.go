package rollout

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

const home = plantest.Home

// What nodes look like, see plantest.
var (
	parse         = plantest.Parse
	manifest      = plantest.Manifest
	debian        = plantest.Debian
	fresh         = plantest.Fresh
	put           = plantest.Put
	edit          = plantest.Edit
	set           = plantest.Set
	kubeconfigFor = plantest.Kubeconfig
	pemOf         = plantest.PEM
)

func builtin(t testing.TB) *render.Templates {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// applied is a node on which there is nothing to do. The first node of a
// cluster holds the VIP.
func applied(t testing.TB, r *Rollout, n inventory.Node) *node.Facts {
	t.Helper()
	f := plantest.Applied(t, r.Cluster, r.Templates, r.Secrets, n)
	if r.Cluster.Exposure == inventory.IPVS {
		f.Servers = directs(f, r.Cluster)
	}
	return f
}

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(plan.NodePlan{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
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

func rolloutOf(t testing.TB, text string) *Rollout {
	t.Helper()
	return &Rollout{Cluster: parse(t, text), Templates: builtin(t)}
}

// all makes the facts of every node.
func all(t testing.TB, r *Rollout, of func(testing.TB, *Rollout, inventory.Node) *node.Facts) map[string]*node.Facts {
	t.Helper()
	out := map[string]*node.Facts{}
	for _, n := range r.Cluster.Nodes {
		out[n.Name] = of(t, r, n)
	}
	return out
}

func freshOf(t testing.TB, r *Rollout, n inventory.Node) *node.Facts {
	t.Helper()
	return fresh(t, r.Cluster, n)
}

func record(key string, fields ...string) remote.Record { return nodetest.Record(key, fields...) }

func address(iface, prefix string) node.Address {
	return node.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

func listener(at, process string) node.Listener {
	return node.Listener{Address: netip.MustParseAddrPort(at), Process: process}
}

// What kplb keeps on a node.
const (
	basePath      = "/var/lib/kplb"
	pendingPath   = basePath + "/pending"
	restartedPath = basePath + "/restarted"
)

// inspected are the facts of a node whose program says this.
func inspected(t testing.TB, said ...remote.Record) *node.Facts {
	t.Helper()
	h := scripted(func(each func(remote.Record) error) error {
		var errs error
		for _, r := range append(slices.Clone(said), record("done")) {
			errs = errors.Join(errs, each(r))
		}
		return errs
	})
	f, err := node.Inspect(t.Context(), h, node.InspectRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// scriptedHost is a Host whose programs do this.
type scriptedHost struct {
	node.Host
	do func(each func(remote.Record) error) error
}

func scripted(do func(each func(remote.Record) error) error) node.Host { return scriptedHost{nil, do} }

func (scriptedHost) Name() string { return "node-1" }

func (h scriptedHost) Run(_ context.Context, _ remote.Script, each func(remote.Record) error) error {
	return h.do(each)
}
