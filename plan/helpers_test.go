package plan

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

const home = plantest.Home

// What nodes look like, see plantest.
var (
	parse         = plantest.Parse
	manifest      = plantest.Manifest
	boundManifest = plantest.BoundManifest
	debian        = plantest.Debian
	fresh         = plantest.Fresh
	put           = plantest.Put
	edit          = plantest.Edit
	set           = plantest.Set
	kubeconfigFor = plantest.Kubeconfig
)

const esc = "\x1b[31m"

// inputOf is an inventory with the templates that kplb has.
func inputOf(t testing.TB, text string) *Input {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Input{Cluster: parse(t, text), Templates: set}
}

// with adds the nodes of the inventory, with their facts.
func (in *Input) with(facts map[string]*node.Facts) Input {
	out := *in
	out.Nodes, out.Facts = slices.Concat(out.Cluster.Nodes, out.Cluster.Workers), facts
	return out
}

// applied is a node on which there is nothing to do. The first node of a
// cluster holds the VIP.
func applied(t testing.TB, in *Input, n inventory.Node) *node.Facts {
	t.Helper()
	return plantest.Applied(t, in.Cluster, in.Templates, in.Secrets, n)
}

func freshOf(t testing.TB, in *Input, n inventory.Node) *node.Facts {
	t.Helper()
	return fresh(t, in.Cluster, n)
}

// all makes the facts of every control-plane node.
func all(t testing.TB, in *Input, of func(testing.TB, *Input, inventory.Node) *node.Facts) map[string]*node.Facts {
	t.Helper()
	out := map[string]*node.Facts{}
	for _, n := range in.Cluster.Nodes {
		out[n.Name] = of(t, in, n)
	}
	return out
}

// saved are the generations of nodes.
type savedSnapshots map[SnapshotRequest]*node.Snapshot

// makeWith makes a plan, and reads what it needs from saved. Nothing is asked
// for twice.
func makeWith(t testing.TB, in Input, from savedSnapshots) (*Plan, error) {
	t.Helper()
	in.Snapshots = map[SnapshotRequest]SnapshotAnswer{}
	for needs := Needs(in); len(needs) > 0; needs = Needs(in) {
		for _, q := range needs {
			if _, again := in.Snapshots[q]; again {
				t.Fatalf("%v is asked for again", q)
			}
			answer := SnapshotAnswer{Snapshot: from[q]}
			if answer.Snapshot == nil {
				answer.Err = &node.RefusedError{Node: q.Node, Reason: "there is no generation " + strconv.Itoa(q.Generation)}
			}
			in.Snapshots[q] = answer
		}
	}
	return Make(in)
}

// testdata reads a file that was captured on a node of the lab, or written by
// hand after one.
func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/firewall", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(NodePlan{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
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

func address(iface, prefix string) node.Address {
	return node.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

func listener(at, process string) node.Listener {
	return node.Listener{Address: netip.MustParseAddrPort(at), Process: process}
}

// namesOf are the nodes' names, in order.
func namesOf(nodes []inventory.Node) string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.Name
	}
	return strings.Join(out, " ")
}

func nodesOf(plans []NodePlan) []inventory.Node {
	out := make([]inventory.Node, len(plans))
	for i, p := range plans {
		out[i] = p.Node
	}
	return out
}
