package plan

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// TestInOrder puts every kind of node at its place.
func TestInOrder(t *testing.T) {
	t.Parallel()
	named := func(name string) NodePlan {
		return NodePlan{Node: inventory.Node{Name: name}, HAProxy: node.Reload}
	}
	worker, joins, leaves, holder := named("worker"), named("joins"), named("leaves"), named("holder")
	worker.Node.Worker, joins.Keepalived, leaves.Leaving, holder.Holder = true, node.Start, true, true
	first := joins
	first.Node.Name = "first"
	for _, c := range []struct {
		name    string
		plans   []NodePlan
		order   string
		batches string
	}{
		{"everything at once", []NodePlan{leaves, joins, holder, named("a"), named("b"), named("c"), worker}, "leaves a b c holder joins worker", "leaves|a|b c|holder|joins worker"},
		{"nobody holds the VIP yet: nobody joins others", []NodePlan{first, named("a"), worker}, "first a worker", "first|a worker"},
	} {
		ordered := inOrder(c.plans)
		var order []string
		for _, p := range ordered {
			order = append(order, p.Node.Name)
		}
		same(t, c.name, strings.Join(order, " "), c.order)
		var together []string
		for _, b := range (&Plan{Nodes: ordered}).Batches() {
			var names []string
			for _, p := range b {
				names = append(names, p.Node.Name)
			}
			together = append(together, strings.Join(names, " "))
		}
		same(t, c.name, strings.Join(together, "|"), c.batches)
	}
}

// TestWorkersFirst: away from the VIP.
func TestWorkersFirst(t *testing.T) {
	t.Parallel()
	node := func(name string, worker bool) NodePlan {
		return NodePlan{Node: inventory.Node{Name: name, Worker: worker}}
	}
	plans := workersFirst([]NodePlan{node("a", false), node("holder", false), node("w1", true), node("w2", true)})
	same(t, "order", namesOf(nodesOf(plans)), "w1 w2 a holder")
}

// TestBatches says which nodes change at once.
func TestBatches(t *testing.T) {
	t.Parallel()
	const reloads, restarts, holds, nothing = "reloads", "restarts its apiserver", "holds the VIP", "nothing"
	cases := []struct {
		nodes []string
		want  string
	}{
		{nil, ""},
		{[]string{nothing, nothing}, ""},
		{[]string{reloads}, "0"},
		{[]string{reloads, reloads, holds}, "0 | 1 | 2"},
		{[]string{reloads, reloads, reloads, reloads, holds}, "0 | 1 2 3 | 4"},
		{[]string{nothing, reloads, nothing, reloads, reloads}, "1 | 3 4"},
		{[]string{restarts, restarts, restarts}, "0 | 1 | 2"},
		{[]string{reloads, reloads, restarts, reloads, reloads, holds}, "0 | 1 | 2 | 3 4 | 5"},
		{[]string{holds}, "0"},
	}
	for _, c := range cases {
		var plans []NodePlan
		for i, what := range c.nodes {
			p := NodePlan{Node: inventory.Node{Name: strconv.Itoa(i)}, Holder: what == holds}
			if what != nothing {
				p.HAProxy = node.Reload
			}
			if what == restarts {
				p.Listen = "10.1.1.1:6443"
			}
			plans = append(plans, p)
		}
		got := make([]string, 0, len(plans))
		for _, batch := range (&Plan{Nodes: plans}).Batches() {
			got = append(got, namesOf(nodesOf(batch)))
		}
		same(t, strings.Join(c.nodes, ", "), strings.Join(got, " | "), c.want)
	}
}

// TestAfterHolder: workers, and who joins.
func TestAfterHolder(t *testing.T) {
	t.Parallel()
	same(t, "a worker", NodePlan{Node: inventory.Node{Worker: true}}.AfterHolder(), true)
	same(t, "who joins", NodePlan{Keepalived: node.Start}.AfterHolder(), true)
	same(t, "who leaves", NodePlan{Keepalived: node.Start, Leaving: true}.AfterHolder(), false)
	same(t, "the holder", NodePlan{Keepalived: node.Start, Holder: true}.AfterHolder(), false)
	same(t, "who reloads", NodePlan{Keepalived: node.Reload}.AfterHolder(), false)
}
