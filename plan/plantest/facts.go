package plantest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/netip"
	"testing"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Debian is what every node of the lab has in common.
func Debian(c *inventory.Cluster, n inventory.Node) *node.Facts {
	return &node.Facts{
		Distribution: kubeadm.Distribution{},
		Arch:         "x86_64", OS: node.OS{ID: "debian", Version: "12"},
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
		Listeners: []node.Listener{{Address: netip.AddrPortFrom(netip.IPv6Unspecified(), c.Port), Process: distribution.APIServer}},
	}
}

// Fresh is a node that kplb has never seen.
func Fresh(t testing.TB, c *inventory.Cluster, n inventory.Node) *node.Facts {
	t.Helper()
	f := Debian(c, n)
	Put(f, kubeadm.ManifestPath, 0o600, Manifest(t, n))
	Put(f, kubeadm.CAPath, 0o644, CA.PEM)
	Put(f, render.HAProxyPath, 0o644, []byte("# Debian's own\nglobal\n\tdaemon\n"))
	return f
}

// Applied is a node on which there is nothing to do, in generation 1. The first
// node of a cluster holds the VIP. Its Servers are those of its HAProxy.
func Applied(t testing.TB, c *inventory.Cluster, set *render.Templates, secrets render.Secrets, n inventory.Node) *node.Facts {
	t.Helper()
	f := Debian(c, n)
	if n.Name == c.Nodes[0].Name {
		f.Addresses = append(f.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(c.VIP, 32)})
	}
	artifacts, err := set.Node(c, n, render.Facts{Interface: "eth0", HAProxy: f.HAProxy.Version, Keepalived: f.Keepalived.Version})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range artifacts {
		artifacts[i] = secrets.Fill(a)
		Put(f, a.Path, a.Mode, artifacts[i].Content)
	}
	Put(f, kubeadm.ManifestPath, 0o600, exposed(t, c, n))
	Put(f, kubeadm.CAPath, 0o644, CA.PEM)
	Put(f, node.ActivePath, 0o600, ActiveSums(artifacts))
	Recorded(f, Record(c, 1))
	f.NonlocalBind = true
	f.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 500, OpenFiles: 524288}
	f.Units["keepalived.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 501, OpenFiles: 524288}
	monitor := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.HAProxy.MonitorPort)
	f.Listeners = []node.Listener{{Address: c.Frontend(), Process: node.HAProxyProcess}, {Address: monitor, Process: node.HAProxyProcess}, {Address: c.APIServerAddress(n), Process: distribution.APIServer}}
	if c.Exposure != inventory.BindAddress {
		f.Listeners[2].Address = netip.AddrPortFrom(netip.IPv6Unspecified(), c.Port)
	}
	f.NFT = true
	if c.Exposure == inventory.Redirect {
		f.Redirect = string(f.Files[render.RedirectPath].Content)
		f.Units[render.RedirectUnit] = node.Unit{Load: "loaded", Active: "active", File: "enabled"}
	}
	if c.Exposure == inventory.IPVS {
		ipvs(f, c)
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
	f.Backends = Backends(c)
	return f
}

// exposed is the apiserver's manifest for the exposure of the inventory.
func exposed(t testing.TB, c *inventory.Cluster, n inventory.Node) []byte {
	t.Helper()
	switch c.Exposure {
	case inventory.BindAddress:
		return BoundManifest(t, n)
	case inventory.SharedPort:
		shared, err := kubeadm.Distribution{}.Share(Manifest(t, n))
		if err != nil {
			t.Fatal(err)
		}
		return shared
	}
	return Manifest(t, n)
}

// ActiveSums is what a node keeps of the files that its daemons have loaded.
func ActiveSums(artifacts []render.Artifact) []byte {
	var out []byte
	for _, a := range artifacts {
		out = fmt.Appendf(out, "%x  %s\n", sha256.Sum256(a.Content), a.Path)
	}
	return out
}

// ipvs is what a node has of ipvs in place of HAProxy.
func ipvs(f *node.Facts, c *inventory.Cluster) {
	f.NonlocalBind = false
	f.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "inactive", File: "disabled", OpenFiles: 524288}
	f.Units[render.IPVSUnit] = node.Unit{Load: "loaded", Active: "active", File: "enabled"}
	f.Listeners = f.Listeners[2:]
	f.Kernel, f.Settings = node.Kernel{Release: "6.1.0-50-amd64", IPVS: "there"}, map[string]string{}
	for key, value := range node.ParseSysctls(f.Files[render.SysctlPath].Content) {
		f.Settings[key] = value
	}
	f.RealServers = []node.RealServer{}
	for _, n := range c.Nodes {
		f.RealServers = append(f.RealServers, node.RealServer{At: c.APIServerAddress(n), Method: "Masq", Weight: 1, Active: 0, Inactive: 0})
	}
	f.Redirect = Marked(c)
}

// Marked is kplb's table for exposure: ipvs, in nft's words.
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

// Put has a file be there.
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

// Snapshot is what a generation keeps of a node that is as these facts say.
func Snapshot(f *node.Facts) *node.Snapshot {
	s := &node.Snapshot{Files: map[string]node.File{}, Units: map[string]node.Unit{}, NonlocalBind: f.NonlocalBind}
	for _, path := range f.ManagedPaths() {
		if file, ok := f.Files[path]; ok {
			s.Files[path] = file
		} else {
			s.Absent = append(s.Absent, path)
		}
	}
	for _, unit := range []string{"haproxy", "keepalived"} {
		u := f.Units[unit+".service"]
		s.Units[unit] = node.Unit{Active: u.Active, File: u.File}
	}
	return s
}
