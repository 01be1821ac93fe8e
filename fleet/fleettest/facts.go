package fleettest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Manifest is what kubeadm writes for the node's apiserver.
func Manifest(t testing.TB, n inventory.Node) []byte {
	t.Helper()
	data, err := os.ReadFile("../testdata/kubeadm/good/genuine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, []byte("10.1.1.1"), []byte(n.Address.String()))
}

// BoundManifest is the same after an apply with exposure: bind-address.
func BoundManifest(t testing.TB, n inventory.Node) []byte {
	t.Helper()
	edited, err := kubeadm.BindTo(Manifest(t, n), n.Address)
	if err != nil {
		t.Fatal(err)
	}
	return edited
}

// Debian is what every node of the lab has in common.
func Debian(c *inventory.Cluster, n inventory.Node) *node.Facts {
	return &node.Facts{
		Arch: "x86_64", OS: node.OS{ID: "debian", Version: "12"},
		Addresses: []node.Address{
			{Interface: "lo", Prefix: netip.MustParsePrefix("127.0.0.1/8")},
			{Interface: "eth0", Prefix: netip.PrefixFrom(n.Address, 16)},
		},
		HAProxy:    node.Package{Installed: true, Version: render.DefaultHAProxy},
		NFT:        true,
		Keepalived: node.Package{Installed: true, Version: render.DefaultKeepalived},
		Manifests:  []string{"etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"},
		Files:      map[string]node.File{},
		Units: map[string]node.Unit{
			"haproxy.service":    {Load: "loaded", Active: "inactive", File: "disabled", OpenFiles: 524288},
			"keepalived.service": {Load: "loaded", Active: "inactive", File: "disabled", OpenFiles: 524288},
			"kubelet.service":    {Load: "loaded", Active: "active", File: "enabled"},
		},
		Listeners: []node.Listener{{Address: netip.AddrPortFrom(netip.IPv6Unspecified(), c.Port), Process: node.APIServerProcess}},
	}
}

// Fresh is a node that kplb has never seen.
func Fresh(t testing.TB, c *inventory.Cluster, n inventory.Node) *node.Facts {
	t.Helper()
	f := Debian(c, n)
	Put(f, kubeadm.ManifestPath, 0o600, Manifest(t, n))
	Put(f, kubeadm.CAPath, 0o644, Authority.PEM)
	Put(f, render.HAProxyPath, 0o644, []byte("# Debian's own\nglobal\n\tdaemon\n"))
	return f
}

// Applied is a node on which there is nothing to do. The first node of a
// cluster holds the VIP.
func Applied(t testing.TB, c *inventory.Cluster, n inventory.Node) *node.Facts {
	t.Helper()
	return AppliedWith(t, c, n, nil)
}

// AppliedWith is Applied, with secrets filled in.
func AppliedWith(t testing.TB, c *inventory.Cluster, n inventory.Node, secrets render.Secrets) *node.Facts {
	t.Helper()
	f := Debian(c, n)
	if n.Name == c.Nodes[0].Name {
		f.Addresses = append(f.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(c.VIP, 32)})
	}
	artifacts, err := Builtin(t).Node(c, n, render.Facts{Interface: "eth0", HAProxy: f.HAProxy.Version, Keepalived: f.Keepalived.Version})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range artifacts {
		artifacts[i] = secrets.Fill(a)
		Put(f, a.Path, a.Mode, artifacts[i].Content)
	}
	edited, err := exposed(t, c, n)
	if err != nil {
		t.Fatal(err)
	}
	Put(f, kubeadm.ManifestPath, 0o600, edited)
	Put(f, kubeadm.CAPath, 0o644, Authority.PEM)
	Put(f, node.ActivePath, 0o600, active(artifacts))
	Put(f, "/var/lib/kplb/current", 0o600, []byte("1\n"))
	f.NonlocalBind = true
	f.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 500, OpenFiles: 524288}
	f.Units["keepalived.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 501, OpenFiles: 524288}
	monitor := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.HAProxy.MonitorPort)
	f.Listeners = []node.Listener{{Address: c.Frontend(), Process: node.HAProxyProcess}, {Address: monitor, Process: node.HAProxyProcess}, {Address: c.APIServerAddress(n), Process: node.APIServerProcess}}
	if c.Exposure != inventory.BindAddress {
		f.Listeners[2].Address = netip.AddrPortFrom(netip.IPv6Unspecified(), c.Port)
	}
	f.NFT = true
	if c.Exposure == inventory.Redirect {
		f.Redirect = string(f.Files[render.RedirectPath].Content)
		f.Units[render.RedirectUnit] = node.Unit{Load: "loaded", Active: "active", File: "enabled"}
	}
	if c.Exposure == inventory.IPVS {
		balances(f, c)
	}
	f.VRRP = map[string]string{}
	for _, g := range c.Groups() {
		f.VRRP[g.Name] = "BACKUP"
		if f.Holds(g.Announced()) {
			f.VRRP[g.Name] = "MASTER"
		}
	}
	f.Sysctls = node.ParseSysctls(f.Files[render.SysctlPath].Content)
	f.Servers = []haproxy.ServerState{}
	for _, n := range c.Nodes {
		f.Servers = append(f.Servers, haproxy.ServerState{Name: n.Name, Status: "UP", Check: "L7OK"})
	}
	if c.Exposure == inventory.IPVS {
		f.Servers = fleet.IPVSServers(f, c)
	}
	f.Backends = Backends(c)
	return f
}

// balances gives a node what it has of ipvs in place of HAProxy.
func balances(f *node.Facts, c *inventory.Cluster) {
	f.NonlocalBind = false
	f.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "inactive", File: "disabled", OpenFiles: 524288}
	f.Units[render.IPVSUnit] = node.Unit{Load: "loaded", Active: "active", File: "enabled"}
	f.Listeners = f.Listeners[2:]
	f.Kernel, f.Settings = node.Kernel{Release: "6.1.0-50-amd64", IPVS: "there"}, map[string]string{}
	for key, value := range node.ParseSysctls(f.Files[render.SysctlPath].Content) {
		f.Settings[key] = value
	}
	f.Directed = []node.RealServer{}
	for _, n := range c.Nodes {
		f.Directed = append(f.Directed, node.RealServer{At: c.APIServerAddress(n), Method: "Masq", Weight: 1, Active: 0, Inactive: 0})
	}
	f.Redirect = Marked(c)
}

// Marked is kplb's table in nft's words.
func Marked(c *inventory.Cluster) string {
	vip := c.VIP.String()
	mark := "ip daddr " + vip + fmt.Sprintf(" tcp dport %d meta mark set 0x0000006b\n", c.Port)
	return "table ip kplb {\n\tchain input {\n\t\ttype filter hook input priority 90; policy accept;\n\t\t" + mark + "\t}\n\n" +
		"\tchain output {\n\t\ttype filter hook output priority -110; policy accept;\n\t\toif \"lo\" " + mark + "\t}\n\n" +
		"\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat - 10; policy accept;\n\t\tip daddr != " + vip +
		" meta l4proto tcp ct original ip daddr " + vip + fmt.Sprintf(" ct original proto-dst %d masquerade\n\t}\n}", c.Port)
}

// Backends are all of a HAProxy's, with servers that are up.
func Backends(c *inventory.Cluster) map[string][]haproxy.ServerStats {
	out := map[string][]haproxy.ServerStats{}
	for _, n := range c.Nodes {
		out[node.APIServerBackend] = append(out[node.APIServerBackend], haproxy.ServerStats{ServerState: haproxy.ServerState{Name: n.Name, Status: "UP", Check: "L7OK"}})
	}
	for _, s := range c.Services {
		for _, n := range c.Backends(s) {
			out[node.ServiceBackend(s.Name)] = append(out[node.ServiceBackend(s.Name)], haproxy.ServerStats{ServerState: haproxy.ServerState{Name: n.Name, Status: "UP", Check: "L4OK"}})
		}
	}
	return out
}

// Put writes a file.
func Put(f *node.Facts, path string, mode fs.FileMode, content []byte) {
	f.Files[path] = node.File{Mode: mode, Content: content}
}

// Edit changes the bytes of a file.
func Edit(f *node.Facts, path, old, now string) {
	file := f.Files[path]
	file.Content = bytes.ReplaceAll(file.Content, []byte(old), []byte(now))
	f.Files[path] = file
}

// Set changes one unit.
func Set(f *node.Facts, unit string, change func(*node.Unit)) {
	u := f.Units[unit]
	change(&u)
	f.Units[unit] = u
}

// All makes the facts of every control-plane node.
func All(t testing.TB, c *inventory.Cluster, of Make) map[string]*node.Facts {
	t.Helper()
	out := map[string]*node.Facts{}
	for _, n := range c.Nodes {
		out[n.Name] = of(t, c, n)
	}
	return out
}

// Make makes the facts of a node: Fresh, or Applied.
type Make func(t testing.TB, c *inventory.Cluster, n inventory.Node) *node.Facts

// exposed is the manifest that an exposure needs.
func exposed(t testing.TB, c *inventory.Cluster, n inventory.Node) ([]byte, error) {
	t.Helper()
	switch c.Exposure {
	case inventory.BindAddress:
		return kubeadm.BindTo(Manifest(t, n), n.Address)
	case inventory.SharedPort:
		return kubeadm.Share(Manifest(t, n))
	}
	return Manifest(t, n), nil
}

// active are the checksums of the files that daemons have loaded, as sha256sum
// writes them.
func active(artifacts []render.Artifact) []byte {
	var out []byte
	for _, a := range artifacts {
		out = fmt.Appendf(out, "%x  %s\n", sha256.Sum256(a.Content), a.Path)
	}
	return out
}

// Address is one of an interface, with the length of its subnet's prefix.
func Address(iface, prefix string) node.Address {
	return node.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

// Listener is a process that listens.
func Listener(at, process string) node.Listener {
	return node.Listener{Address: netip.MustParseAddrPort(at), Process: process}
}
