package inventory

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// grouped describes the groups of an inventory of three nodes with both
// families.
func grouped(t *testing.T, vip, vrrp string) string {
	t.Helper()
	c := mustParse(t, "apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: "+vip+`
nodes:
  - {name: a, address: [10.1.1.1/16, "fd10:1::1/64"]}
  - {name: b, address: [10.1.1.2/16, "fd10:1::2/64"]}
  - {name: c, address: ["fd10:1::3/64", 10.1.1.3/16]}
vrrp: {`+vrrp+"}\n")
	out := make([]string, 0, len(c.Groups()))
	for _, g := range c.Groups() {
		out = append(out, fmt.Sprint(g.Name, " ", g.VirtualRouterID, " ", g.VIPs, " ", g.Preferred, g.Failback, " ", g.Priorities["a"], g.Priorities["b"], g.Priorities["c"]))
	}
	return strings.Join(out, "; ")
}

func TestGroups(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"10.1.233.1", "virtualRouterID: 9", "KPLB 9 [10.1.233.1] false 250 240 230"},
		{"[10.1.233.1]", "virtualRouterID: 9, failback: true", "KPLB 9 [10.1.233.1] true 250 240 230"},
		{"{address: 10.1.233.1, preferred: c}", "virtualRouterID: 9", "KPLB 9 [10.1.233.1] ctrue 230 240 250"},
		// IPv4 is announced
		{`["fd10:1::100", 10.1.233.1, "fd10:1::101"]`, "virtualRouterID: 9", "KPLB 9 [10.1.233.1 fd10:1::100 fd10:1::101] false 250 240 230"},
		// past 51, and from 255 to 1
		{"[10.1.233.1, {address: 10.1.233.2, preferred: b}]", "virtualRouterID: 50", "KPLB 50 [10.1.233.1] false 250 240 230; KPLB_2 52 [10.1.233.2] btrue 240 250 230"},
		{"[10.1.233.1, {address: 10.1.233.2, preferred: b}]", "virtualRouterID: 255", "KPLB 255 [10.1.233.1] false 250 240 230; KPLB_2 1 [10.1.233.2] btrue 240 250 230"},
		// those that prefer the same node move together, in the order of the first of each
		{
			`[{address: 10.1.233.2, preferred: b}, 10.1.233.1, {address: "fd10:1::2:1", preferred: b}, "fd10:1::100"]`, "virtualRouterID: 51",
			"KPLB 51 [10.1.233.2 fd10:1::2:1] btrue 240 250 230; KPLB_2 52 [10.1.233.1 fd10:1::100] false 250 240 230",
		},
	} {
		if got := grouped(t, c[0], c[1]); got != c[2] {
			t.Errorf("vip: %s, vrrp: {%s}\n got %s\nwant %s", c[0], c[1], got, c[2])
		}
	}
}

// TestRouterIDs of eight groups are distinct, wherever they begin.
func TestRouterIDs(t *testing.T) {
	t.Parallel()
	for first := 1; first <= 255; first++ {
		seen := map[int]bool{}
		for i := range mostVIPs {
			id := nextRouterID(first, i)
			if id < 1 || id > 255 || seen[id] || i > 0 && id == 51 {
				t.Errorf("from %d, number %d is %d", first, i, id)
			}
			seen[id] = true
		}
	}
}

func TestAddressFor(t *testing.T) {
	t.Parallel()
	c := mustParse(t, `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: ["fd10:1::100", 10.1.233.1]
nodes:
  - {name: a, address: ["fd10:1::1/64", 10.1.1.1/16]}
exposure: port
`)
	n := c.Nodes[0]
	if c.VIP != c.VIPs[0] || n.Address != n.Addresses[0] || n.Subnet != n.Subnets[0] || n.SSH.Host != "fd10:1::1" {
		t.Errorf("the first is not the first: %+v", n)
	}
	for vip, own := range map[string]string{"10.1.233.1": "10.1.1.1", "fd10:1::100": "fd10:1::1"} {
		if got := n.AddressFor(netip.MustParseAddr(vip)); got.String() != own {
			t.Errorf("for %s: %s", vip, got)
		}
	}
	if got := fmt.Sprint(c.Entrances(), c.VIPs4(), c.VIPs6(), c.EndpointURL()); got != "[[fd10:1::100]:8443 10.1.233.1:8443] [10.1.233.1] [fd10:1::100]https://[fd10:1::100]:8443" {
		t.Errorf("got %s", got)
	}
}
