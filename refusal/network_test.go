package refusal_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// dual is the inventory of a cluster whose nodes have addresses of both families.
func dual(vip string) string {
	return "apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: " + vip + `
nodes:
  - {name: node-1, address: [10.1.1.1, "fd10:1::1"]}
  - {name: node-2, address: [10.1.1.2, "fd10:1::2"]}
  - {name: node-3, address: [10.1.1.3, "fd10:1::3"]}
`
}

const twoFamilies = `[10.1.233.1, "fd10:1::100"]`

// TestOnNode6 is what IPv6 VIPs want of a node.
func TestOnNode6(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vip    string
		differ func(*node.Facts)
		want   string
	}{
		"sound":      {twoFamilies, func(*node.Facts) {}, ""},
		"no address": {twoFamilies, func(f *node.Facts) { f.Addresses = f.Addresses[:len(f.Addresses)-1] }, "no interface has the node's address fd10:1::2"},
		"another interface": {
			twoFamilies, func(f *node.Facts) { f.Addresses[len(f.Addresses)-1].Interface = "eth1" },
			"10.1.1.2 is on eth0, and fd10:1::2 on eth1: keepalived has the VIPs on one interface",
		},
		"another subnet": {
			twoFamilies, func(f *node.Facts) { f.Addresses[len(f.Addresses)-1] = address("eth0", "fd10:1::2/124") },
			"the VIP fd10:1::100 is outside fd10:1::/124, the subnet of eth0",
		},
		"ufw drops it": {
			twoFamilies, func(f *node.Facts) {
				put(f, firewall.ConfPath, 0o644, []byte("ENABLED=yes\n"))
				put(f, firewall.DefaultsPath, 0o644, []byte("IPV6=no\n"))
			},
			"ufw drops all IPv6 (IPV6=no in /etc/default/ufw), and with it what is for fd10:1::100",
		},
		"old": {
			`"fd10:1::100"`, func(f *node.Facts) { f.Keepalived.Version = render.Version{Major: 2, Minor: 1, Patch: 5} },
			"keepalived 2.1.5 announces no IPv6 VIP such as fd10:1::100, at least 2.2.4 is needed",
		},
		"old, and IPv4 is announced": {twoFamilies, func(f *node.Facts) { f.Keepalived.Version = render.Version{Major: 2, Minor: 1, Patch: 5} }, ""},
		"the port is taken": {
			twoFamilies, func(f *node.Facts) { f.Listeners = append(f.Listeners, listener("[fd10:1::100]:6443", "nginx")) },
			"port 6443 of fd10:1::100 is taken by nginx, neither the apiserver nor haproxy",
		},
	} {
		cluster := parse(t, dual(c.vip))
		n := cluster.Nodes[1]
		f := fresh(t, cluster, n)
		f.Addresses = append(f.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(n.Addresses[1], 64)})
		c.differ(f)
		found := refusal.OnNode(cluster, n, f)
		got := make([]string, 0, len(found))
		for _, r := range found {
			got = append(got, r.What)
		}
		same(t, name, strings.Join(got, "\n"), c.want)
	}
}
