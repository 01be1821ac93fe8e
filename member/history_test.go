package member_test

import (
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/record"
)

// generation is one of a node; r is nil where an older kplb has made it.
func generation(number int, current bool, r *record.Record) node.Generation {
	return node.Generation{Number: number, Time: "2026-11-19T10:00:00Z", About: "bob@desk, pid 7, cluster home", Current: current, Recorded: node.Recorded{Record: r}}
}

// of is the record of a generation that went back to another one.
func of(c *inventory.Cluster, number, content int) *record.Record {
	r := plantest.Record(c, number)
	r.Of = &content
	return r
}

// history is three generations with records after one without: the third went back to the
// first. node-3 was off at the second one.
func history(c *inventory.Cluster) member.History {
	r2, r3, r4 := plantest.Record(c, 2), plantest.Record(c, 3), of(c, 4, 2)
	list := []node.Generation{generation(0, false, nil), generation(1, false, nil), generation(2, false, r2), generation(3, false, r3), generation(4, true, r4)}
	return member.History{"node-1": list, "node-2": list, "node-3": append(append([]node.Generation{}, list[:3]...), list[4])}
}

// TestBack: a rollback goes to the generation before the one whose content is current, and
// never to where it came from.
func TestBack(t *testing.T) {
	t.Parallel()
	c := plantest.Parse(t, home)
	h := history(c)
	m := member.Membership{Record: of(c, 4, 2), Highest: 4}
	for _, tt := range []struct {
		name        string
		m           member.Membership
		number      int
		to, content int
		recorded    bool
		says        string
	}{
		{"the one before the content of the current one", m, -1, 1, 1, false, ""},
		{"after an ordinary one", member.Membership{Record: plantest.Record(c, 3), Highest: 3}, -1, 2, 2, true, ""},
		{"a number", m, 3, 3, 3, true, ""},
		{"one that went back itself", m, 4, 4, 2, true, ""},
		{"the beginning", m, 0, 0, 0, false, ""},
		{"the first one", member.Membership{Record: plantest.Record(c, 1), Highest: 1}, -1, 0, 0, false, ""},
		{"none of that number", m, 9, 0, 0, false, "home: there is no generation 9; there are 0, 1, 2, 3, 4"},
	} {
		to, err := tt.m.Back("home", h, tt.number)
		says(t, err, tt.says)
		if err == nil {
			same(t, tt.name, []any{to.Number, to.Content, to.Record != nil}, []any{tt.to, tt.content, tt.recorded})
		}
	}
	_, err := m.Back("home", member.History{}, -1)
	says(t, err, "home: the nodes have no generation yet")
	kept := member.History{"node-1": {generation(0, false, nil), generation(7, true, plantest.Record(c, 7))}}
	_, err = member.Membership{Record: plantest.Record(c, 7), Highest: 7}.Back("home", kept, -1)
	says(t, err, "home: of the generations before 7 no node keeps one, but the one from before kplb")
}

// TestRefuseGaps: a member that was off has no generation to go back to, and is named.
func TestRefuseGaps(t *testing.T) {
	t.Parallel()
	c := plantest.Parse(t, home)
	h := history(c)
	m := member.Membership{Record: of(c, 4, 2), Highest: 4}
	back := func(number int) member.BackTo {
		to, err := m.Back("home", h, number)
		says(t, err, "")
		return to
	}
	says(t, back(2).RefuseGaps(c.Nodes, h), "")
	says(t, back(0).RefuseGaps(c.Nodes, h), "")
	says(t, back(3).RefuseGaps(c.Nodes, h), "node-3: does not have generation 3; it has 0, 1, 2, 4")
	delete(h, "node-3") // it has left meanwhile, or is new: its files are made of the inventory of then
	says(t, back(3).RefuseGaps(c.Nodes, h), "")
	says(t, back(1).RefuseGaps(c.Nodes, h), "node-3: does not have generation 1; it has none")
}

// TestRefuseUnlike: an older kplb has counted on each node by itself, so one number may be
// different changes.
func TestRefuseUnlike(t *testing.T) {
	t.Parallel()
	c := plantest.Parse(t, home)
	made := func(number int, txn string) node.Generation {
		g := generation(number, true, nil)
		g.Txn = txn
		return g
	}
	h := member.History{"node-1": {made(1, "a"), made(3, "b")}, "node-2": {made(1, "a"), made(3, "c")}, "node-3": {made(1, "a"), made(3, "b")}}
	says(t, member.BackTo{Number: 1}.RefuseUnlike(c.Nodes, h), "")
	says(t, member.BackTo{Number: 0}.RefuseUnlike(c.Nodes, h), "")
	says(t, member.BackTo{Number: 3, Record: plantest.Record(c, 3)}.RefuseUnlike(c.Nodes, h), "")
	says(t, member.BackTo{Number: 3}.RefuseUnlike(c.Nodes, h), "node-1 and node-3: generation 3 is another change than on node-2: an older kplb, which has made it, counted on each node by itself")
}

// TestGenerations: each has what it changed, who lacks it, and what is current. Another
// cluster's are left out.
func TestGenerations(t *testing.T) {
	t.Parallel()
	c := plantest.Parse(t, home)
	h := history(c)
	theirs := plantest.Record(c, 9)
	theirs.Cluster = record.Cluster{ID: "fedcba98765432100123456789abcdef", Name: "other"}
	h["node-2"] = append(append([]node.Generation{}, h["node-2"]...), generation(9, false, theirs))
	got := h.Generations(c)
	type line struct {
		number  int
		current bool
		by      string
		changed string
		missing int
	}
	lines := make([]line, 0, len(got))
	for _, g := range got {
		changed := ""
		if len(g.Changed) > 0 {
			changed = g.Changed[0]
		}
		lines = append(lines, line{g.Number, g.Current, g.By, changed, len(g.Missing)})
	}
	want := []line{
		{0, false, "bob@desk, pid 7, cluster home", "", 0},
		{1, false, "bob@desk, pid 7, cluster home", "", 0},
		{2, false, "ann@desk", "the first record of the cluster", 0},
		{3, false, "ann@desk", "", 1},
		{4, true, "ann@desk", "back to generation 2", 0},
	}
	if len(lines) != len(want) {
		t.Fatalf("%+v", lines)
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("%+v, want %+v", lines[i], want[i])
		}
	}
}
