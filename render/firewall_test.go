package render_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/render"
)

// TestFirewall lists all that a node has to let through, in an order that
// stays the same. Nothing else is opened.
func TestFirewall(t *testing.T) {
	t.Parallel()
	const three = "nodes: [{name: a, address: 10.1.1.1}, {name: b, address: 10.1.1.2}, {name: c, address: 10.1.1.3}]\nssh: {user: pi}\n"
	for _, c := range []struct {
		name, text string
		in, out    []string
	}{
		{
			"three nodes", three,
			[]string{
				"VRRP from 10.1.1.1", "TCP port 6443 of 10.1.1.2 from 10.1.1.1",
				"VRRP from 10.1.1.3", "TCP port 6443 of 10.1.1.2 from 10.1.1.3",
				"TCP port 6443 of 10.1.233.1",
			},
			[]string{"VRRP to 10.1.1.1", "TCP port 6443 of 10.1.1.1", "VRRP to 10.1.1.3", "TCP port 6443 of 10.1.1.3"},
		},
		{
			"another port", "port: 7443\n" + three,
			[]string{
				"VRRP from 10.1.1.1", "TCP port 7443 of 10.1.1.2 from 10.1.1.1",
				"VRRP from 10.1.1.3", "TCP port 7443 of 10.1.1.2 from 10.1.1.3",
				"TCP port 7443 of 10.1.233.1",
			},
			[]string{"VRRP to 10.1.1.1", "TCP port 7443 of 10.1.1.1", "VRRP to 10.1.1.3", "TCP port 7443 of 10.1.1.3"},
		},
		{
			"multicast", "vrrp: {mode: multicast}\n" + three,
			[]string{
				"VRRP to 224.0.0.18 from 10.1.1.1", "TCP port 6443 of 10.1.1.2 from 10.1.1.1",
				"VRRP to 224.0.0.18 from 10.1.1.3", "TCP port 6443 of 10.1.1.2 from 10.1.1.3",
				"TCP port 6443 of 10.1.233.1",
			},
			[]string{"VRRP to 224.0.0.18", "TCP port 6443 of 10.1.1.1", "TCP port 6443 of 10.1.1.3"},
		},
		{
			"services", three + "workers: [{name: d, address: 10.1.1.4}]\nservices:\n  - {name: web, port: 80, nodePort: 30080}\n  - {name: too, port: 81, nodePort: 30080}\n",
			[]string{
				"VRRP from 10.1.1.1", "TCP port 6443 of 10.1.1.2 from 10.1.1.1",
				"VRRP from 10.1.1.3", "TCP port 6443 of 10.1.1.2 from 10.1.1.3",
				"TCP port 6443 of 10.1.233.1", "TCP port 80 of 10.1.233.1", "TCP port 81 of 10.1.233.1",
			},
			[]string{
				"VRRP to 10.1.1.1", "TCP port 6443 of 10.1.1.1", "VRRP to 10.1.1.3", "TCP port 6443 of 10.1.1.3",
				"TCP port 30080 of 10.1.1.1", "TCP port 30080 of 10.1.1.3", "TCP port 30080 of 10.1.1.4",
			},
		},
		{
			"services with peers", three + "services:\n  - {name: game, port: 7777, nodePort: 30777, sessionAffinity: ClientIP}\n",
			[]string{
				"VRRP from 10.1.1.1", "TCP port 6443 of 10.1.1.2 from 10.1.1.1",
				"VRRP from 10.1.1.3", "TCP port 6443 of 10.1.1.2 from 10.1.1.3",
				"TCP port 6443 of 10.1.233.1",
				"TCP port 8405 of 10.1.1.2 from 10.1.1.1", "TCP port 8405 of 10.1.1.2 from 10.1.1.3", "TCP port 7777 of 10.1.233.1",
			},
			[]string{
				"VRRP to 10.1.1.1", "TCP port 6443 of 10.1.1.1", "VRRP to 10.1.1.3", "TCP port 6443 of 10.1.1.3",
				"TCP port 8405 of 10.1.1.1", "TCP port 8405 of 10.1.1.3", "TCP port 30777 of 10.1.1.1", "TCP port 30777 of 10.1.1.3",
			},
		},
		{
			"nobody else", "nodes: [{name: b, address: 10.1.1.2}]\nssh: {user: pi}\n",
			[]string{"TCP port 6443 of 10.1.233.1"}, nil,
		},
	} {
		cluster := parsed(t, c.text)
		n := cluster.Nodes[slices.IndexFunc(cluster.Nodes, func(n inventory.Node) bool { return n.Name == "b" })]
		var in, out []string
		seen := map[render.Rule]bool{}
		for _, r := range render.Firewall(cluster, n) {
			if seen[r] {
				t.Errorf("%s: %s is there twice", c.name, r)
			}
			seen[r] = true
			if r.Out {
				out = append(out, r.String())
			} else {
				in = append(in, r.String())
			}
		}
		if d := cmp.Diff(c.in, in); d != "" {
			t.Errorf("%s: in (-want +got):\n%s", c.name, d)
		}
		if d := cmp.Diff(c.out, out); d != "" {
			t.Errorf("%s: out (-want +got):\n%s", c.name, d)
		}
	}
}
