package report

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// TestPaint: lines that go are red, and lines that come green.
func TestPaint(t *testing.T) {
	t.Parallel()
	const diff = "--- a\n+++ b\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
	if got := Paint(false, diff); got != diff {
		t.Errorf("got %q", got)
	}
	want := "\x1b[31m--- a\x1b[0m\n\x1b[32m+++ b\x1b[0m\n@@ -1,2 +1,2 @@\n a\n\x1b[31m-b\x1b[0m\n\x1b[32m+c\x1b[0m\n"
	if got := Paint(true, diff); got != want {
		t.Errorf("got %q", got)
	}
}

// planOf is what an apply of plantest's inventory does to new nodes.
func planOf(t *testing.T) *plan.Plan {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := plantest.Parse(t, plantest.Home)
	in := plan.Input{Cluster: c, Templates: set, Nodes: c.Nodes[:2], Facts: map[string]*node.Facts{}}
	in.Facts["node-1"] = plantest.Applied(t, c, set, nil, c.Nodes[0])
	in.Facts["node-2"] = plantest.Fresh(t, c, c.Nodes[1])
	in.Absent = []plan.Absence{{Node: c.Nodes[2], Why: "is not reachable"}}
	p, err := plan.Make(in)
	if err != nil {
		t.Fatal(err)
	}
	p.ConfigMaps = append(p.ConfigMaps, plan.ConfigMapChange{ConfigMapChange: apiserver.ConfigMapChange{Name: "kube-public/cluster-info", Hint: "joins use it"}, Diff: "-a\n+b\n"})
	return p
}

// TestPlan: for people and for programs. Nothing is to be done on node 1, node 2 is new, and
// node 3 is away.
func TestPlan(t *testing.T) {
	t.Parallel()
	p := planOf(t)
	var text, program bytes.Buffer
	if err := errors.Join(WritePlan(&text, p, false), JSON(&program, Describe(p))); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.txt", text.String())
	golden(t, "plan.json", program.String())
	d := Describe(p)
	if d.LeavesOut("node-2") || !d.LeavesOut("node-3") {
		t.Errorf("left out are %v", d.LeftOut)
	}
}

// TestRemark says why a node has its place in the order.
func TestRemark(t *testing.T) {
	t.Parallel()
	for want, n := range map[string]Node{
		"": {}, " (VIP holder, changed last)": {Holder: true},
		" (no longer in the inventory: restored to its state before kplb)":     {Leaving: true},
		" (no longer a control-plane node: restored to its state before kplb)": {Leaving: true, Worker: true},
	} {
		if got := remark(n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
