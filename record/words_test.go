package record_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/record"
)

// TestWords: a generation is told in words.
func TestWords(t *testing.T) {
	t.Parallel()
	node3 := record.Member{Name: "node-3", Role: record.ControlPlane, Address: netip.MustParseAddr("10.1.1.3")}
	for _, c := range []struct {
		name   string
		change func(after *record.Record)
		edit   func(text string) string // of the inventory
		want   []string
	}{
		{"nothing but the inventory", func(r *record.Record) { r.Inventory += "# x\n" }, nil, []string{"the inventory, without a change on the nodes"}},
		{"nodes", func(r *record.Record) { r.Members = append(r.Members[:1:1], node3) }, nil, []string{"node node-3 added", "worker worker-1 removed"}},
		{"a role", func(r *record.Record) { r.Members[1].Role = record.ControlPlane }, nil, []string{"worker-1: node, was worker"}},
		{"an address", func(r *record.Record) { r.Members[1].Address = netip.MustParseAddr("10.1.1.9") }, nil, []string{"worker-1: address 10.1.1.9, was fd00::11"}},
		{"a name", func(r *record.Record) { r.Cluster.Name = "home" }, nil, []string{"renamed from lab"}},
		{"another cluster's nodes", func(r *record.Record) { r.Cluster.ID = strings.Repeat("f", 32) }, nil, []string{"taken over from cluster lab"}},
		{"back", func(r *record.Record) { one := 1; r.Of = &one }, nil, []string{"back to generation 1"}},
		{"the exposure", nil, func(s string) string { return s + "exposure: redirect\n" }, []string{"exposure: redirect, was bind-address"}},
		{"VIPs", nil, func(s string) string { return strings.Replace(s, "10.1.233.1", "[10.1.233.2, 10.1.233.3]", 1) }, []string{"VIP: 10.1.233.2, 10.1.233.3, was 10.1.233.1"}},
		{"services", nil, func(s string) string { return s + "services: [{name: web, port: 443, nodePort: 30443}]\n" }, []string{"services: web:443, was none"}},
		{"a DNS name", nil, func(s string) string { return s + "dnsName: api.home.arpa\n" }, []string{"DNS name: api.home.arpa, was none"}},
		{"files", func(r *record.Record) {
			r.Changes = []record.Change{{Node: "worker-1", Files: []string{"/etc/a", "/etc/d"}}, {Node: "node-1", Files: []string{"/etc/b", "/etc/a", "/etc/c"}}}
		}, nil, []string{"on all nodes: /etc/a", "on node-1: /etc/b, /etc/c", "on worker-1: /etc/d"}},
		{"four files", func(r *record.Record) {
			r.Changes = []record.Change{{Node: "node-1", Files: []string{"/etc/d", "/etc/c", "/etc/b", "/etc/a"}}}
		}, nil, []string{"on node-1: /etc/a, /etc/b, /etc/c, /etc/d"}},
		{"many files", func(r *record.Record) {
			r.Changes = []record.Change{{Node: "node-1", Files: []string{"/etc/e", "/etc/d", "/etc/c", "/etc/b", "/etc/a"}}}
		}, nil, []string{"on node-1: /etc/a, /etc/b, /etc/c, and 2 more"}},
	} {
		before, after := lab(), lab()
		before.Of, after.Of, after.Changes = nil, nil, nil
		text := inventoryText
		if c.change != nil {
			c.change(after)
		}
		if c.edit != nil {
			text = c.edit(text)
		}
		if d := cmp.Diff(c.want, record.Words(before, after, parsed(t, inventoryText), parsed(t, text))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	first := lab()
	first.Of, first.Changes = nil, nil
	if d := cmp.Diff([]string{"the first record of the cluster"}, record.Words(nil, first, nil, nil)); d != "" {
		t.Error(d)
	}
}

const inventoryText = `apiVersion: kplb/v1alpha1
kind: Cluster
name: lab
vip: 10.1.233.1
vrrp: {virtualRouterID: 7}
nodes:
- {name: node-1, address: 10.1.1.1}
- {name: node-2, address: 10.1.1.2}
- {name: node-3, address: 10.1.1.3}
`

func parsed(t *testing.T, text string) *inventory.Cluster {
	t.Helper()
	c, err := inventory.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
