package nodetest_test

import (
	"context"
	"io/fs"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// answering is a Host whose programs say this.
type answering struct {
	node.Host
	said []remote.Record
}

func (answering) Name() string { return "node-1" }

func (a answering) Run(_ context.Context, _ remote.Script, each func(remote.Record) error) error {
	for _, r := range a.said {
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// TestInspection: what a stand-in answers is read as the facts that it has.
func TestInspection(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort
	want := &node.Facts{
		Distribution: kubeadm.Distribution{},
		Arch:         "x86_64", OS: node.OS{ID: "debian", Version: "12"},
		Addresses: []node.Address{{Interface: "eth0", Prefix: netip.MustParsePrefix("10.1.1.1/16")}, {Interface: "eth0", Prefix: netip.MustParsePrefix("fd10::1/64")}},
		Listeners: []node.Listener{{Address: at("[::]:6443"), Process: distribution.APIServer}, {Address: at("10.1.233.1:8443")}},
		Units:     map[string]node.Unit{"haproxy.service": {Load: "loaded", Active: "active", File: "enabled", MainPID: 7, OpenFiles: 1024}}, NonlocalBind: true,
		HAProxy: node.Package{Installed: true, Version: render.DefaultHAProxy}, Keepalived: node.Package{Installed: true, Version: render.DefaultKeepalived},
		Files: map[string]node.File{
			"/etc/a": {Mode: 0o640, UID: 1, GID: 2, Content: []byte("a")}, "/etc/link": {Mode: fs.ModeSymlink | 0o777, Content: []byte("/etc/a")},
			"/etc/dir": {Mode: fs.ModeDir | 0o755, Content: []byte{}},
		},
		Manifests: []string{"etcd.yaml"}, NFT: true, Redirect: "table ip kplb {\n}", KubeletConnected: true,
		Servers: []haproxy.ServerState{{Name: "node-1", Status: "UP", Check: "L7OK/200", Sessions: 3}},
		Backends: map[string][]haproxy.ServerStats{
			node.APIServerBackend: {{ServerState: haproxy.ServerState{Name: "node-1", Status: "UP", Check: "L7OK/200", Sessions: 3}, Total: 9}},
			"service-web":         {{ServerState: haproxy.ServerState{Name: "node-2", Status: "DOWN", Check: "L4CON"}, Total: 1}},
		},
		Kernel: node.Kernel{Release: "6.1.0", IPVS: "module"}, RealServers: []node.RealServer{{At: at("10.1.1.1:6443"), Method: "Masq", Weight: 1, Active: 2, Inactive: 3}},
		Settings: map[string]string{"net.ipv4.ip_forward": "1"}, VRRP: map[string]string{"KPLB": "MASTER"}, Sysctls: map[string]string{"net.ipv4.ip_forward": "1"},
	}
	got, err := node.Inspect(t.Context(), answering{said: nodetest.Inspection(want)}, kubeadm.Distribution{}, node.InspectRequest{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "facts", got, want)
}

// TestSnapshot: likewise what a generation keeps.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	list := []node.Generation{{Number: 0, Time: "then", About: "as it was before kplb"}, {Number: 7, Time: "now", About: "ann", Current: true}}
	want := &node.Snapshot{
		Files: map[string]node.File{"/etc/a": {Mode: 0o600, Content: []byte("a")}}, Absent: []string{"/etc/b"},
		Units: map[string]node.Unit{"haproxy": {Active: "active", File: "enabled"}}, NonlocalBind: true, NonlocalBind6: true,
	}
	h := answering{said: slices.Concat(nodetest.Generations(list), nodetest.Snapshot(want), []remote.Record{nodetest.Record("done")})}
	got, err := node.Generations(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "generations", got, list)
	snapshot, err := node.ReadSnapshot(t.Context(), h, kubeadm.Distribution{}.Layout(), 7)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "snapshot", snapshot, want)
}
