package plan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// TestRefuseAbsent: with nodes left out, apiservers restart while a majority is left, and
// nothing changes that such a node would not understand when it is back.
func TestRefuseAbsent(t *testing.T) {
	t.Parallel()
	five := strings.Replace(home, "  - name: node-3\n", "  - {name: node-4, address: 10.1.1.4}\n  - {name: node-5, address: 10.1.1.5}\n  - name: node-3\n", 1)
	restarts := func(who, off, left string) string {
		return who + ": its apiserver would have to restart, and without " + off + " no majority would be left: " + left + ", and 3 are needed"
	}
	for _, c := range []struct {
		name   string
		of     func(testing.TB, *Input, inventory.Node) *node.Facts
		off    []string
		change func(*inventory.Cluster)
		says   string
	}{
		{"one of five, apiservers restart", freshOf, []string{"node-5"}, nil, ""},
		{"two of five, apiservers restart", freshOf, []string{"node-4", "node-5"}, nil, strings.Join([]string{
			restarts("node-1", "node-4 and node-5", "2 of 5"), restarts("node-2", "node-4 and node-5", "2 of 5"), restarts("node-3", "node-4 and node-5", "2 of 5"),
		}, "\n")},
		{"two of five, nothing restarts", applied, []string{"node-4", "node-5"}, func(c *inventory.Cluster) { c.HAProxy.MaxConn = 99 }, ""},
		{"two of five, another virtual router ID", applied, []string{"node-4", "node-5"}, func(c *inventory.Cluster) { c.VRRP.VirtualRouterID = 7 },
			"node-4: it is away (off) while what VRRP adverts say changes: when it comes back with the old ones, it and another node are both MASTER\n" +
				"node-5: it is away (off) while what VRRP adverts say changes: when it comes back with the old ones, it and another node are both MASTER"},
		{"one of five, another VIP", applied, []string{"node-5"}, func(c *inventory.Cluster) {
			c.VIP = netip.MustParseAddr("10.1.233.2")
			c.VIPs = []netip.Addr{c.VIP}
		}, "node-5: it is away (off) while what VRRP adverts say changes: when it comes back with the old ones, it and another node are both MASTER"},
		{"one of five, a password", applied, []string{"node-5"}, func(c *inventory.Cluster) { c.VRRP.Auth = &inventory.Secret{Env: "X"} },
			"node-5: it is away (off) while what VRRP adverts say changes: when it comes back with the old ones, it and another node are both MASTER"},
		{"nobody is away", applied, nil, func(c *inventory.Cluster) { c.VRRP.VirtualRouterID = 7 }, ""},
	} {
		in := inputOf(t, five)
		facts := all(t, in, c.of)
		if c.change != nil {
			c.change(in.Cluster)
		}
		input := in.with(facts)
		input.Nodes = nil
		for _, n := range in.Cluster.Nodes {
			away := false
			for _, off := range c.off {
				away = away || n.Name == off
			}
			if away {
				input.Absent = append(input.Absent, Absence{n, "off"})
				delete(input.Facts, n.Name)
			} else {
				input.Nodes = append(input.Nodes, n)
			}
		}
		p, err := makeWith(t, input, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := ""
		if err := p.RefuseAbsent(); err != nil {
			got = err.Error()
		}
		same(t, c.name, got, c.says)
		same(t, c.name+": left out", len(p.Absent), len(c.off))
	}
}
