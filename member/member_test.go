package member_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

const home = plantest.Home

// all makes the facts of every control-plane node, on which there is nothing to do.
func all(t *testing.T, c *inventory.Cluster) map[string]*node.Facts {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*node.Facts{}
	for _, n := range c.Nodes {
		out[n.Name] = plantest.Applied(t, c, set, nil, n)
	}
	return out
}

// same fails the test where got is not want.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// says fails the test unless the error has exactly this text; "" for none.
func says(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	same(t, "error", got, want)
}

// namesOf are the nodes' names, in order.
func namesOf(nodes []inventory.Node) string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.Name
	}
	return strings.Join(out, " ")
}

// recordedAs has a node have a record of another cluster.
func recordedAs(f *node.Facts, r *record.Record, name, id string) {
	other := *r
	other.Cluster = record.Cluster{ID: id, Name: name}
	plantest.Recorded(f, &other)
}

// TestIdentify: whose the nodes are is in their records, and what they say of it.
func TestIdentify(t *testing.T) {
	t.Parallel()
	const theirs = "fedcba98765432100123456789abcdef"
	const part = "is part of cluster other (fedcba98, generation 1, by ann@desk, 2026-11-20T20:00:00Z)"
	moved := strings.Replace(home, "10.1.1.3", "10.1.1.9", 1)
	for _, c := range []struct {
		name   string
		text   string // of the inventory; empty: home
		change func(facts map[string]*node.Facts, r *record.Record)
		claims member.Claims
		want   []string
	}{
		{"one cluster", "", nil, member.Claims{}, nil},
		{"one node is another cluster's", "", func(facts map[string]*node.Facts, r *record.Record) {
			recordedAs(facts["node-2"], r, "other", theirs)
		}, member.Claims{}, []string{"node-2: " + part}},
		{"it is taken over", "", func(facts map[string]*node.Facts, r *record.Record) {
			recordedAs(facts["node-2"], r, "other", theirs)
		}, member.Claims{TakeOver: true}, nil},
		{"the same name does not make it ours", "", func(facts map[string]*node.Facts, r *record.Record) {
			recordedAs(facts["node-2"], r, "home", theirs)
		}, member.Claims{}, []string{"node-2: " + strings.Replace(part, "other", "home", 1)}},
		{"nor does another name make it another one", strings.Replace(home, "name: home", "name: lab", 1), nil, member.Claims{Rename: true}, nil},
		{"another name, not asked for", strings.Replace(home, "name: home", "name: lab", 1), nil, member.Claims{}, []string{
			"node-1: is part of cluster home (01234567, generation 1, by ann@desk, 2026-11-20T20:00:00Z); the inventory's cluster is lab",
			"node-2: is part of cluster home (01234567, generation 1, by ann@desk, 2026-11-20T20:00:00Z); the inventory's cluster is lab",
			"node-3: is part of cluster home (01234567, generation 1, by ann@desk, 2026-11-20T20:00:00Z); the inventory's cluster is lab",
		}},
		{"taking over does not rename", strings.Replace(home, "name: home", "name: lab", 1), nil, member.Claims{TakeOver: true}, []string{
			"node-1: is part of cluster home (01234567, generation 1, by ann@desk, 2026-11-20T20:00:00Z); the inventory's cluster is lab",
			"node-2: is part of cluster home (01234567, generation 1, by ann@desk, 2026-11-20T20:00:00Z); the inventory's cluster is lab",
			"node-3: is part of cluster home (01234567, generation 1, by ann@desk, 2026-11-20T20:00:00Z); the inventory's cluster is lab",
		}},
		{"a node that was away is behind", "", func(facts map[string]*node.Facts, r *record.Record) {
			later := *r
			later.Generation = 7
			plantest.Recorded(facts["node-1"], &later)
			plantest.Recorded(facts["node-3"], &later)
		}, member.Claims{}, nil},
		{"the same generation, otherwise", "", func(facts map[string]*node.Facts, r *record.Record) {
			edited := *r
			edited.By = "eve@desk"
			plantest.Recorded(facts["node-3"], &edited)
		}, member.Claims{}, []string{"node-3: its record of generation 1 is not that of the others"}},
		{"no record, and stamps of this cluster", "", func(facts map[string]*node.Facts, _ *record.Record) {
			for _, f := range facts {
				plantest.Unrecorded(f, 3)
			}
		}, member.Claims{}, nil},
		{"no record, and stamps of another cluster", strings.Replace(home, "name: home", "name: lab", 1), func(facts map[string]*node.Facts, _ *record.Record) {
			for _, name := range []string{"node-1", "node-2", "node-3"} {
				plantest.Unrecorded(facts[name], 3)
			}
		}, member.Claims{}, []string{
			"node-1: has no record of its cluster, and /etc/haproxy/haproxy.cfg was made for cluster home",
			"node-2: has no record of its cluster, and /etc/haproxy/haproxy.cfg was made for cluster home",
			"node-3: has no record of its cluster, and /etc/haproxy/haproxy.cfg was made for cluster home",
		}},
		{"another machine in a member's place", moved, func(facts map[string]*node.Facts, _ *record.Record) {
			plantest.Unrecorded(facts["node-3"], 0)
		}, member.Claims{}, []string{"node-3: another machine has this name now, and the member, at 10.1.1.3, would keep kplb's files"}},
		{"the member's machine is gone for good", moved, func(facts map[string]*node.Facts, _ *record.Record) {
			plantest.Unrecorded(facts["node-3"], 0)
		}, member.Claims{Gone: []string{"10.1.1.3"}}, nil},
		{"the same machine has another address", moved, nil, member.Claims{}, nil},
		{"its record was lost, and an earlier one is there", "", func(facts map[string]*node.Facts, r *record.Record) {
			later := *r
			later.Generation = 7
			for _, f := range facts {
				plantest.Recorded(f, &later)
			}
			facts["node-2"].Recorded = node.Recorded{Record: r}
		}, member.Claims{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			was := plantest.Parse(t, home)
			facts := all(t, was)
			for _, f := range facts {
				f.Addresses = append(f.Addresses[:0:0], f.Addresses...)
			}
			if c.text == moved {
				facts["node-3"].Addresses = []node.Address{{Interface: "eth0", Prefix: mustPrefix("10.1.1.9/16")}}
			}
			if c.change != nil {
				c.change(facts, plantest.Record(was, 1))
			}
			text := c.text
			if text == "" {
				text = home
			}
			now := plantest.Parse(t, text)
			_, err := member.Identify(now, now.Nodes, facts, c.claims)
			var got []string
			var refused *refusal.Error
			if errors.As(err, &refused) {
				got = strings.Split(refused.Error(), "\n")
			}
			same(t, "refused", got, c.want)
		})
	}
}

// TestStrangers: who has left is who the record says, and no other server.
func TestStrangers(t *testing.T) {
	t.Parallel()
	in := plantest.Parse(t, home)
	facts := all(t, in)
	r := plantest.Record(in, 1)
	r.Members = append(r.Members, record.Member{Name: "node-9", Role: record.Worker, Address: mustAddr("10.1.1.9"), SSH: record.SSH{Host: "n9", Port: 2222, User: "root", Jump: []string{"ann@jump"}}})
	for _, f := range facts {
		plantest.Recorded(f, r)
	}
	in.Nodes = in.Nodes[:2]
	in.SSH.IdentityFiles = []string{"key"}
	m, err := member.Identify(in, in.Nodes, facts, member.Claims{})
	says(t, err, "")
	left := m.Strangers(in, facts)
	same(t, "who has left", namesOf(left), "node-3 node-9")
	same(t, "how to log in", left[1].SSH, inventory.SSH{Host: "n9", Port: 2222, User: "root", ProxyJump: []string{"ann@jump"}, IdentityFiles: []string{"key"}})
	same(t, "as a worker", left[1].Worker, true)
	same(t, "but for who is gone", namesOf(m.Leavers(in, facts, member.Claims{Gone: []string{"node-3"}})), "node-9")
	same(t, "a worker that is gone holds no VIP", len(m.Gone(in, facts, member.Claims{Gone: []string{"node-9"}})), 0)
	same(t, "gone", namesOf(m.Gone(in, facts, member.Claims{Gone: []string{"node-3", "10.1.7.7", "nobody"}})), "node-3 10.1.7.7")
}

// TestKeeps: a machine that has left is cleaned where it is still the cluster's.
func TestKeeps(t *testing.T) {
	t.Parallel()
	in := plantest.Parse(t, home)
	facts := all(t, in)
	m := member.Membership{Record: plantest.Record(in, 1)}
	r := plantest.Record(in, 1)
	lost, other, bare := facts["node-1"], facts["node-2"], plantest.Fresh(t, in, in.Nodes[2])
	for _, c := range []struct {
		name  string
		m     member.Membership
		of    string
		f     *node.Facts
		keeps bool
		whose string
	}{
		{"its record says so", m, "home", facts["node-3"], true, ""},
		{"its record says otherwise", m, "home", other, false, "is part of cluster other (fedcba98, generation 1, by ann@desk, 2026-11-20T20:00:00Z)"},
		{"its record is lost, its stamps say so", m, "home", lost, true, ""},
		{"its stamps say otherwise", member.Membership{}, "lab", lost, false, "has no record, and /etc/haproxy/haproxy.cfg was made for cluster home"},
		{"there are no records, its stamps say so", member.Membership{}, "home", lost, true, ""},
		{"there are no records, and no stamps", member.Membership{}, "home", bare, false, "has no record, and no file of kplb's"},
		{"a member that is bare", m, "home", bare, true, ""},
		{"there are no records but its own", member.Membership{}, "home", facts["node-3"], false, "is part of cluster home (01234567, generation 1, by ann@desk, 2026-11-20T20:00:00Z)"},
	} {
		recordedAs(other, r, "other", "fedcba98765432100123456789abcdef")
		plantest.Unrecorded(lost, 1)
		keeps, whose := c.m.Keeps(c.of, c.f)
		same(t, c.name, keeps, c.keeps)
		if !keeps {
			same(t, c.name, whose, c.whose)
		}
	}
}

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func mustAddr(s string) netip.Addr     { return netip.MustParseAddr(s) }
