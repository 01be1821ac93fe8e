package plan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

const dualNodes = `nodes:
  - {name: node-1, address: [10.1.1.1, "fd10:1::1"]}
  - {name: node-2, address: [10.1.1.2, "fd10:1::2"]}
  - {name: node-3, address: [10.1.1.3, "fd10:1::3"]}
ssh: {user: pi}
`

// several is the inventory of a cluster with these VIPs.
func several(vip, more string) string {
	return "apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\nvip: " + vip + "\n" + more + dualNodes
}

const twoFamilies = `[10.1.233.1, "fd10:1::100"]`

// both gives a node its IPv6 address.
func both(f *node.Facts, n inventory.Node) *node.Facts {
	f.Addresses = append(f.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(n.Addresses[1], 64)})
	return f
}

// TestMoreVIPs has nodes with some VIPs get others: what has to happen to
// keepalived where the first node holds those of before.
func TestMoreVIPs(t *testing.T) {
	t.Parallel()
	const one = "10.1.233.1"
	active := "[{address: 10.1.233.1, preferred: node-1}, {address: 10.1.233.2, preferred: node-2}]"
	for _, c := range []struct {
		name, from, to string
		holder, other  node.Action // of keepalived
		waits          bool        // the other one
	}{
		{"a second family", one, twoFamilies, node.Reload, node.Reload, false},
		{"back", twoFamilies, one, node.Reload, node.Reload, false},
		{"one that moves by itself", one, "[10.1.233.1, {address: 10.1.233.2, preferred: node-2}]", node.Reload, node.Reload, false},
		{"one goes its own way", "[10.1.233.1, 10.1.233.2]", "[10.1.233.1, {address: 10.1.233.2, preferred: node-2}]", node.Restart, node.Restart, true},
		{"they come together", active, "[10.1.233.1, 10.1.233.2]", node.Restart, node.Restart, true},
		{"the announced one goes", twoFamilies, `"fd10:1::100"`, node.Restart, node.Restart, true},
		{"an IPv4 one is announced from now on", `"fd10:1::100"`, twoFamilies, node.Restart, node.Restart, true},
		{"another order", twoFamilies, `["fd10:1::100", 10.1.233.1]`, node.Reload, node.Reload, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			was, in := inputOf(t, several(c.from, "")), inputOf(t, several(c.to, ""))
			for i, want := range []node.Action{c.holder, c.other} {
				n := in.Cluster.Nodes[i]
				f := both(applied(t, was, n), n)
				f.NonlocalBind6 = true
				p, err := planFor(in, n, f)
				if err != nil {
					t.Fatal(err)
				}
				same(t, n.Name+": keepalived", p.Keepalived, want)
				same(t, n.Name+": waits", p.StartKeepalivedLast, i == 1 && c.waits)
			}
		})
	}
}

// TestOneSpeaks: of several holders all but the last wait.
func TestOneSpeaks(t *testing.T) {
	t.Parallel()
	plans := inOrder([]NodePlan{
		{Node: inventory.Node{Name: "a"}, Holder: true, Keepalived: node.Restart},
		{Node: inventory.Node{Name: "b"}, Keepalived: node.Restart, StartKeepalivedLast: true},
		{Node: inventory.Node{Name: "c"}, Holder: true, Keepalived: node.Restart},
	})
	got := make([]string, 0, len(plans))
	for _, p := range plans {
		name := p.Node.Name
		if p.StartKeepalivedLast {
			name += " waits"
		}
		got = append(got, name)
	}
	same(t, "order", strings.Join(got, ", "), "b waits, a waits, c")
}

// TestSysctl6 is applied where an IPv6 VIP needs it, and given back.
func TestSysctl6(t *testing.T) {
	t.Parallel()
	in := inputOf(t, several(twoFamilies, ""))
	n := in.Cluster.Nodes[1]
	f := both(applied(t, in, n), n)
	for on, sysctl := range map[bool]node.Sysctl{true: node.SysctlLeave, false: node.SysctlOn} {
		f.NonlocalBind6 = on
		p, err := planFor(in, n, f)
		same(t, "error", err, nil)
		same(t, "sysctl", p.Sysctl, sysctl)
		same(t, "empty", p.Empty(), on)
	}
	f.NonlocalBind6 = true
	p, err := planFor(inputOf(t, several("10.1.233.1", "")), n, f)
	same(t, "error", err, nil)
	same(t, "given back", p.NoBind6, true)
	none := newNodePlan(in.Cluster, n, f)
	same(t, "interface of the VIPs", none.VIPInterface, "eth0")
}

// TestRedirects6 wants the rules of both families, each for both ways in.
func TestRedirects6(t *testing.T) {
	t.Parallel()
	in := inputOf(t, several(twoFamilies, "exposure: redirect\n"))
	f := applied(t, in, in.Cluster.Nodes[0])
	same(t, "both", RedirectsVIP(f, in.Cluster), true)
	four, six, _ := strings.Cut(f.Redirect, "table ip6 kplb6\n")
	f.Redirect = four
	same(t, "IPv4 alone", RedirectsVIP(f, in.Cluster), false)
	f.Redirect = six
	same(t, "IPv6 alone", RedirectsVIP(f, in.Cluster), false)
	same(t, "listens", inventory.Join(frontendsIn(f.Files[render.HAProxyPath].Content, in.Cluster.VIPs), " "), "10.1.233.1:8443 [fd10:1::100]:8443")
}

// TestFirewall6: rules are of the VIP's family, and nothing of the other one is
// enough for them.
func TestFirewall6(t *testing.T) {
	t.Parallel()
	in := inputOf(t, several(twoFamilies, ""))
	f := fresh(t, in.Cluster, in.Cluster.Nodes[0])
	put(f, firewall.ConfPath, 0o644, []byte("ENABLED=yes\n"))
	put(f, firewall.DefaultsPath, 0o644, []byte("IPV6=yes\nDEFAULT_OUTPUT_POLICY=\"ACCEPT\"\n"))
	put(f, firewall.RulesPath, 0o640, []byte("### tuple ### allow tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in\n"))
	plan := func() string {
		p := newBuilder(in.Cluster, in.Cluster.Nodes[0], f)
		p.planFirewall()
		return ruleLines(p.NodePlan)
	}
	const vrrp = "allow in vrrp 10.1.1.2 any 0\nallow in vrrp 10.1.1.3 any 0\n"
	same(t, "IPv4 is open to all", plan(), vrrp+"allow in tcp any fd10:1::100 6443\n")
	put(f, firewall.Rules6Path, 0o640, []byte("### tuple ### allow tcp 6443 ::/0 any ::/0 in\n### tuple ### allow tcp 6443 fd10:1::99 any ::/0 in comment=6b706c62\n"))
	same(t, "and IPv6", plan(), vrrp+"delete in tcp any fd10:1::99 6443\n")
}
