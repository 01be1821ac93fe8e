package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
)

const home = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - {name: node-3, address: 10.1.1.3}
ssh: {user: pi}
`

const services = `workers: [{name: node-4, address: 10.1.1.4}]
services:
  - {name: web, port: 80, nodePort: 30080}
  - {name: game, port: 7777, nodePort: 30777, sessionAffinity: ClientIP}
`

// TestPortsAskedFor: a node is asked who listens on its own ports, and a
// control-plane node on those of services and of their peers, too.
func TestPortsAskedFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text         string
		nodes, other []uint16 // of a control-plane node, and of a worker
	}{
		{home, []uint16{6443, 6443, 1}, nil},
		{home + services, []uint16{6443, 6443, 1, 80, 7777, 8405}, []uint16{6443, 6443, 1}},
	} {
		c, err := inventory.Parse("cluster.yaml", []byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		c.HAProxy.MonitorPort = 1
		if d := cmp.Diff(test.nodes, Inspection{}.request(c, c.Nodes[0]).Ports); d != "" {
			t.Errorf("a control-plane node (-want +got):\n%s", d)
		}
		for _, n := range c.Workers {
			if d := cmp.Diff(test.other, Inspection{}.request(c, n).Ports); d != "" {
				t.Errorf("a worker (-want +got):\n%s", d)
			}
		}
	}
	c, err := inventory.Parse("cluster.yaml", []byte(home+"services:\n  - {name: web, port: 80, nodePort: 30080}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]uint16{80}, Inspection{}.request(c, c.Nodes[0]).Ports[3:]); d != "" {
		t.Errorf("without peers (-want +got):\n%s", d)
	}
}
