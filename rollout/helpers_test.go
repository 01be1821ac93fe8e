package rollout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

// home is the inventory of most tests. The positions in messages are its.
const home = `apiVersion: kplb/v1alpha1
kind: Cluster
name: home
vip: 10.1.233.1
nodes:
  - {name: node-1, address: 10.1.1.1}
  - {name: node-2, address: 10.1.1.2}
  - name: node-3
    address: 10.1.1.3
    interface: eth0
ssh: {user: pi}
haproxy:
  monitorPort: 8404
`

func parse(t testing.TB, text string) *inventory.Cluster {
	t.Helper()
	c, err := inventory.Parse("cluster.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func builtin(t testing.TB) *render.Templates {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// testdata reads a file that was captured on a node of the lab, or written by
// hand after one.
func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/firewall", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(NodePlan{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// says fails the test unless the error has exactly this text; "" for none.
func says(t testing.TB, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	same(t, "error", got, want)
}

// manifest is what kubeadm writes for the node's apiserver.
func manifest(t testing.TB, n inventory.Node) []byte {
	t.Helper()
	data, err := os.ReadFile("../testdata/kubeadm/good/genuine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, []byte("10.1.1.1"), []byte(n.Address.String()))
}

// boundManifest is the same after an apply.
func boundManifest(t testing.TB, n inventory.Node) []byte {
	t.Helper()
	edited, err := kubeadm.BindTo(manifest(t, n), n.Address)
	if err != nil {
		t.Fatal(err)
	}
	return edited
}

// debian is what every node of the lab has in common.
func debian(c *inventory.Cluster, n inventory.Node) *node.Facts {
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

// fresh is a node that kplb has never seen.
func fresh(t testing.TB, c *inventory.Cluster, n inventory.Node) *node.Facts {
	t.Helper()
	f := debian(c, n)
	put(f, kubeadm.ManifestPath, 0o600, manifest(t, n))
	put(f, kubeadm.CAPath, 0o644, authority.pem)
	put(f, render.HAProxyPath, 0o644, []byte("# Debian's own\nglobal\n\tdaemon\n"))
	return f
}

// applied is a node on which there is nothing to do. The first node of a
// cluster holds the VIP.
func applied(t testing.TB, r *Rollout, n inventory.Node) *node.Facts {
	t.Helper()
	c := r.Cluster
	f := debian(c, n)
	if n.Name == c.Nodes[0].Name {
		f.Addresses = append(f.Addresses, node.Address{Interface: "eth0", Prefix: netip.PrefixFrom(c.VIP, 32)})
	}
	artifacts, err := r.Templates.Node(c, n, render.Facts{Interface: "eth0", HAProxy: f.HAProxy.Version, Keepalived: f.Keepalived.Version})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range artifacts {
		artifacts[i] = r.Secrets.Fill(a)
		put(f, a.Path, a.Mode, artifacts[i].Content)
	}
	edited, err := expose(c, n, "")(manifest(t, n))
	if err != nil {
		t.Fatal(err)
	}
	put(f, kubeadm.ManifestPath, 0o600, edited)
	put(f, kubeadm.CAPath, 0o644, authority.pem)
	put(f, node.ActivePath, 0o600, activeSums(artifacts))
	put(f, basePath+"/current", 0o600, []byte("1\n"))
	f.NonlocalBind = true
	f.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 500, OpenFiles: 524288}
	f.Units["keepalived.service"] = node.Unit{Load: "loaded", Active: "active", File: "enabled", MainPID: 501, OpenFiles: 524288}
	monitor := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.HAProxy.MonitorPort)
	f.Listeners = []node.Listener{{Address: c.Frontend(), Process: node.HAProxyProcess}, {Address: monitor, Process: node.HAProxyProcess}, {Address: apiserverOf(c, n), Process: node.APIServerProcess}}
	if c.Exposure != inventory.BindAddress {
		f.Listeners[2].Address = netip.AddrPortFrom(netip.IPv6Unspecified(), c.Port)
	}
	f.NFT = true
	if c.Exposure == inventory.Redirect {
		f.Redirect = string(f.Files[render.RedirectPath].Content)
		f.Units[render.RedirectUnit] = node.Unit{Load: "loaded", Active: "active", File: "enabled"}
	}
	if c.Exposure == inventory.IPVS {
		director(f, c)
	}
	f.VRRP = map[string]string{}
	for _, g := range c.Groups() {
		f.VRRP[g.Name] = "BACKUP"
		if f.Holds(g.Announced()) {
			f.VRRP[g.Name] = "MASTER"
		}
	}
	f.Sysctls = sysctlsIn(f.Files[render.SysctlPath].Content)
	f.Servers = []haproxy.ServerState{}
	for _, n := range c.Nodes {
		f.Servers = append(f.Servers, haproxy.ServerState{Name: n.Name, Status: "UP", Check: "L7OK"})
	}
	if c.Exposure == inventory.IPVS {
		f.Servers = directs(f, c)
	}
	f.Backends = backends(c)
	return f
}

// director is what a node has of ipvs in place of HAProxy.
func director(f *node.Facts, c *inventory.Cluster) {
	f.NonlocalBind = false
	f.Units["haproxy.service"] = node.Unit{Load: "loaded", Active: "inactive", File: "disabled", OpenFiles: 524288}
	f.Units[render.IPVSUnit] = node.Unit{Load: "loaded", Active: "active", File: "enabled"}
	f.Listeners = f.Listeners[2:]
	f.Kernel, f.Settings = node.Kernel{Release: "6.1.0-50-amd64", IPVS: "there"}, map[string]string{}
	for key, value := range sysctlsIn(f.Files[render.SysctlPath].Content) {
		f.Settings[key] = value
	}
	f.Directed = []node.RealServer{}
	for _, n := range c.Nodes {
		f.Directed = append(f.Directed, node.RealServer{At: apiserverOf(c, n), Method: "Masq", Weight: 1, Active: 0, Inactive: 0})
	}
	f.Redirect = marked(c)
}

// marked is kplb's table in nft's words.
func marked(c *inventory.Cluster) string {
	vip := c.VIP.String()
	mark := "ip daddr " + vip + fmt.Sprintf(" tcp dport %d meta mark set 0x0000006b\n", c.Port)
	return "table ip kplb {\n\tchain input {\n\t\ttype filter hook input priority 90; policy accept;\n\t\t" + mark + "\t}\n\n" +
		"\tchain output {\n\t\ttype filter hook output priority -110; policy accept;\n\t\toif \"lo\" " + mark + "\t}\n\n" +
		"\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat - 10; policy accept;\n\t\tip daddr != " + vip +
		" meta l4proto tcp ct original ip daddr " + vip + fmt.Sprintf(" ct original proto-dst %d masquerade\n\t}\n}", c.Port)
}

// backends are all of a HAProxy's, with servers that are up.
func backends(c *inventory.Cluster) map[string][]haproxy.ServerStats {
	out := map[string][]haproxy.ServerStats{}
	for _, n := range c.Nodes {
		out[node.APIServerBackend] = append(out[node.APIServerBackend], haproxy.ServerStats{ServerState: haproxy.ServerState{Name: n.Name, Status: "UP", Check: "L7OK"}})
	}
	for _, s := range c.Services {
		for _, n := range c.Backends(s) {
			out[serviceBackend(s)] = append(out[serviceBackend(s)], haproxy.ServerStats{ServerState: haproxy.ServerState{Name: n.Name, Status: "UP", Check: "L4OK"}})
		}
	}
	return out
}

func put(f *node.Facts, path string, mode fs.FileMode, content []byte) {
	f.Files[path] = node.File{Mode: mode, Content: content}
}

// edit changes the bytes of a file.
func edit(f *node.Facts, path, old, now string) {
	file := f.Files[path]
	file.Content = bytes.ReplaceAll(file.Content, []byte(old), []byte(now))
	f.Files[path] = file
}

// set changes one unit.
func set(f *node.Facts, unit string, change func(*node.Unit)) {
	u := f.Units[unit]
	change(&u)
	f.Units[unit] = u
}

func rolloutOf(t testing.TB, text string) *Rollout {
	t.Helper()
	return &Rollout{Cluster: parse(t, text), Templates: builtin(t)}
}

// all makes the facts of every node.
func all(t testing.TB, r *Rollout, of func(testing.TB, *Rollout, inventory.Node) *node.Facts) map[string]*node.Facts {
	t.Helper()
	out := map[string]*node.Facts{}
	for _, n := range r.Cluster.Nodes {
		out[n.Name] = of(t, r, n)
	}
	return out
}

func freshOf(t testing.TB, r *Rollout, n inventory.Node) *node.Facts {
	t.Helper()
	return fresh(t, r.Cluster, n)
}

func record(key string, fields ...string) remote.Record { return nodetest.Record(key, fields...) }

func address(iface, prefix string) node.Address {
	return node.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

func listener(at, process string) node.Listener {
	return node.Listener{Address: netip.MustParseAddrPort(at), Process: process}
}

// What kplb keeps on a node.
const (
	basePath      = "/var/lib/kplb"
	pendingPath   = basePath + "/pending"
	restartedPath = basePath + "/restarted"
)

const esc = "\x1b[31m"

// inspected are the facts of a node whose program says this.
func inspected(t testing.TB, said ...remote.Record) *node.Facts {
	t.Helper()
	h := scripted(func(each func(remote.Record) error) error {
		var errs error
		for _, r := range append(slices.Clone(said), record("done")) {
			errs = errors.Join(errs, each(r))
		}
		return errs
	})
	f, err := node.Inspect(t.Context(), h, node.InspectRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// scriptedHost is a Host whose programs do this.
type scriptedHost struct {
	node.Host
	do func(each func(remote.Record) error) error
}

func scripted(do func(each func(remote.Record) error) error) node.Host { return scriptedHost{nil, do} }

func (scriptedHost) Name() string { return "node-1" }

func (h scriptedHost) Run(_ context.Context, _ remote.Script, each func(remote.Record) error) error {
	return h.do(each)
}
