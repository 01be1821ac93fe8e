package node_test

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// recorder is a Host that keeps the program it is given, and says that it is done.
type recorder struct {
	node.Host
	script remote.Script
}

func (*recorder) Name() string { return "node-1" }

func (r *recorder) Run(_ context.Context, s remote.Script, each func(remote.Record) error) error {
	r.script = s
	for _, key := range []string{"locked", "done"} {
		if err := each(remote.Record{Key: key}); err != nil {
			return err
		}
	}
	return nil
}

// calls are all that package node can do, each with a request that has
// everything, and with what nodetest makes of that.
func calls() []call {
	type ctx = context.Context
	addr, at, l := netip.MustParseAddr, netip.MustParseAddrPort, kubeadm.Distribution{}.Layout()
	paths := []string{"/etc/haproxy/haproxy.cfg", "/etc/kubernetes/admin.conf"}
	vips := []netip.Addr{addr("10.1.233.1"), addr("fd10:1::100")}
	inspect := node.InspectRequest{
		Paths: paths, Kubeconfigs: true, Ports: []uint16{6443, 8404}, MonitorPort: 8404, Kubelet: []netip.AddrPort{at("10.1.233.1:6443"), at("[fd10:1::100]:6443")},
		Firewall: true, Kernel: true, VRRP: true, Sysctls: true,
	}
	inspected := inspect
	inspected.Paths = slices.Concat(node.ManagedPaths(l), []string{
		"/var/lib/kplb/pending/txn", "/var/lib/kplb/pending/about", "/var/lib/kplb/pending/record", "/var/lib/kplb/restored", "/var/lib/kplb/current", "/var/lib/kplb/restarted",
	}, paths)
	stage := node.StageRequest{
		Txn: "txn1", Token: "token1", About: "ann@desk", Paths: paths, Window: time.Minute, VIPs: vips, Interface: "eth0", QuickPort: 6443, Number: 7, Record: []byte("{}"),
		Files: []node.StagedFile{
			{Path: "/etc/a", Mode: 0o644, Owner: node.Owner{UID: 1, GID: 2}, Before: node.SumOf([]byte("a")), Content: []byte("b")},
			{Path: "/etc/b", Mode: 0o600, Content: []byte("c")}, {Path: "/etc/c", Mode: 0o600, Before: node.SumOf(nil), Remove: true},
		},
		Certificate: &node.StagedCertificate{Path: kubeadm.CertificatePath, KeyPath: kubeadm.CertificateKeyPath, Config: []byte("certificatesDir: /var/lib/kplb/stage/pki\n"), Before: node.SumOf([]byte("c")), Mode: 0o644},
	}
	rules := []render.Rule{{Protocol: "vrrp", From: addr("10.1.1.2")}, {Out: true, Protocol: "tcp", To: addr("10.1.233.1"), Port: 6443}}
	activate := node.ActivateRequest{
		Txn: "txn1", Token: "token1", ReadUnits: true, Sysctl: node.SysctlOff, Enable: []string{"haproxy.service", "keepalived.service"}, Disable: []string{"kplb-ipvs.service"},
		HAProxy: node.Reload, Keepalived: node.Start, Kubelet: node.Restart, Redirect: node.Start, IPVS: node.Stop,
		RestoreSettings: []string{"net/ipv4/ip_forward"}, RestoreFrom: 3, NoBind6: true, UFWAllow: rules, UFWDelete: rules[:1],
		HAProxyListens: []netip.AddrPort{at("10.1.233.1:6443"), at("[fd10:1::100]:6443")}, Active: []byte("sums\n"),
	}
	everywhere := netip.AddrPortFrom(netip.IPv6Unspecified(), 6443)
	lock := node.LockRequest{Token: "token1", Owner: "ann@desk since now", Heartbeat: 5 * time.Second, Timeout: 20 * time.Second}
	manifest := node.ManifestRequest{Txn: "txn1", Token: "token1", Before: node.SumOf(nil), Mode: 0o600, Content: []byte("kind: Pod\n"), Port: 6443}
	confirm := node.ConfirmRequest{Txn: "txn1", Token: "token1", Paths: paths, Keep: 10, Restart: &node.MeasuredRestart{Kind: inventory.Quick, Took: 6700 * time.Millisecond}}
	level := node.LevelRequest{Txn: "txn1", Token: "token1", About: "ann@desk", Number: 7, Record: []byte("{}"), Paths: paths, Keep: 10}
	observe := node.ObserveRequest{Address: addr("10.1.1.1"), VIPs: vips, Listen: 4 * time.Second, Nonces: []string{"11", "22"}}
	probe := node.ProbeRequest{Address: addr("10.1.1.1"), Source: vips[0], Nonce: "11", Peers: []node.Peer{{Address: addr("10.1.1.2"), MAC: "02:00:00:00:00:02"}}}
	watch := node.WatchRequest{Token: "token1", VIP: vips[0], Lasts: time.Minute}
	broken := node.BreakRequest{Token: "token1", Fault: "link-down", Lasts: 10 * time.Second, MendAfter: 25 * time.Second, Interface: "eth0", VIPs: vips, APIServer: at("10.1.1.1:6443")}
	return []call{
		{"inspect", inspected, func(c ctx, h node.Host) error {
			_, err := node.Inspect(c, h, kubeadm.Distribution{}, inspect)
			return err
		}},
		{"doctor", observe, func(c ctx, h node.Host) error { return node.Observe(c, h, l, observe, &node.Observation{}, func() {}) }},
		{"doctor", probe, func(c ctx, h node.Host) error { _, err := node.SendProbes(c, h, probe); return err }},
		{"hello", nil, node.Ping},
		{"credentials", nil, func(c ctx, h node.Host) error { _, err := node.AdminKubeconfig(c, h, kubeadm.AdminPath); return err }},
		{"generations", nodetest.GenerationsRequest{}, func(c ctx, h node.Host) error { _, err := node.Generations(c, h); return err }},
		{"generations", nodetest.SnapshotRequest{Generation: 7}, func(c ctx, h node.Host) error { _, err := node.ReadSnapshot(c, h, l, 7); return err }},
		{"lock", lock, func(c ctx, h node.Host) error { return node.Lock(c, h, lock) }},
		{"release", nodetest.ReleaseRequest{Token: "token1"}, func(c ctx, h node.Host) error { return node.Release(c, h, "token1") }},
		{"unlock", nil, func(c ctx, h node.Host) error { _, _, err := node.Unlock(c, h); return err }},
		{"packages", node.PackagesRequest{Names: []string{"haproxy", "keepalived"}, Token: "token1", FetchOnly: true}, func(c ctx, h node.Host) error {
			return node.InstallPackages(c, h, node.PackagesRequest{Names: []string{"haproxy", "keepalived"}, Token: "token1", FetchOnly: true})
		}},
		{"stage", stage, func(c ctx, h node.Host) error { return node.Stage(c, h, kubeadm.Distribution{}, stage) }},
		{"transact", node.TransactRequest{Txn: "txn1", Token: "token1"}, func(c ctx, h node.Host) error {
			return node.Transact(c, h, l, node.TransactRequest{Txn: "txn1", Token: "token1"})
		}},
		{"renew", nodetest.RenewRequest{Txn: "txn1", Token: "token1"}, func(c ctx, h node.Host) error { return node.Renew(c, h, "txn1", "token1") }},
		{"manifest", manifest, func(c ctx, h node.Host) error { _, err := node.ReplaceManifest(c, h, l, manifest); return err }},
		{"await", node.AwaitRequest{Listen: everywhere, After: node.Replaced{Socket: 815, At: 4711 * time.Millisecond * 10}, Wait: node.AwaitLimit}, func(c ctx, h node.Host) error {
			_, err := node.AwaitListening(c, h, l, node.AwaitRequest{Listen: everywhere, After: node.Replaced{Socket: 815, At: 4711 * time.Millisecond * 10}, Wait: node.AwaitLimit})
			return err
		}},
		{"activate", activate, func(c ctx, h node.Host) error { return node.Activate(c, h, l, activate) }},
		{"drain", nodetest.DrainRequest{Server: "node-2"}, func(c ctx, h node.Host) error { _, _, err := node.Drain(c, h, "node-2"); return err }},
		{"drain", nodetest.UndrainRequest{Server: "node-2"}, func(c ctx, h node.Host) error { return node.Undrain(c, h, "node-2") }},
		{"precommit", node.PrecommitRequest{Txn: "txn1", Token: "token1", Paths: paths}, func(c ctx, h node.Host) error {
			return node.Precommit(c, h, l, node.PrecommitRequest{Txn: "txn1", Token: "token1", Paths: paths})
		}},
		{"confirm", confirm, func(c ctx, h node.Host) error { return node.Confirm(c, h, l, confirm) }},
		{"revert", node.RevertRequest{Txn: "txn1", Token: "token1", Paths: paths, Reason: "a reason"}, func(c ctx, h node.Host) error {
			return node.Revert(c, h, l, node.RevertRequest{Txn: "txn1", Token: "token1", Paths: paths, Reason: "a reason"})
		}},
		{"level", level, func(c ctx, h node.Host) error { return node.Level(c, h, l, level) }},
		{"forget", nodetest.ForgetRequest{Token: "token1"}, func(c ctx, h node.Host) error { return node.Forget(c, h, "token1") }},
		{"drill watch", watch, func(c ctx, h node.Host) error { return node.StartWatch(c, h, watch) }},
		{"drill break", broken, func(c ctx, h node.Host) error { return node.Break(c, h, l, broken) }},
		{"drill mend", nodetest.MendRequest{Token: "token1"}, func(c ctx, h node.Host) error { return node.Mend(c, h, "token1") }},
		{"drill seen", nil, func(c ctx, h node.Host) error { _, err := node.ReadDrillLog(c, h); return err }},
		{"drill end", nodetest.MendRequest{Token: "token1"}, func(c ctx, h node.Host) error { return node.EndDrill(c, h, "token1") }},
	}
}

type call struct {
	name string // of its program
	want any
	do   func(ctx context.Context, h node.Host) error
}

// TestCalls: what a call is asked for reaches its program, all of it.
func TestCalls(t *testing.T) {
	t.Parallel()
	for _, c := range calls() {
		var h recorder
		if err := c.do(t.Context(), &h); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if h.script.Name != c.name || h.script.Body == "" || h.script.Limit == 0 {
			t.Errorf("%s runs %s, %d bytes, for %s", c.name, h.script.Name, len(h.script.Body), h.script.Limit)
		}
		if d := cmp.Diff(c.want, nodetest.Request(h.script), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
			t.Errorf("%s (-asked for +given):\n%s", c.name, d)
		}
	}
}

// refuser is a Host on which every program refuses, and says why.
type refuser struct{ node.Host }

func (refuser) Name() string { return "node-1" }

func (refuser) Run(_ context.Context, s remote.Script, each func(remote.Record) error) error {
	failed := each(remote.Record{Key: "refused", Fields: []string{"its /tmp is full"}})
	return errors.Join(failed, &remote.ScriptError{Host: "node-1", Script: s.Name, Code: 1})
}

// TestCallsSayWhatWasRefused: whichever program refuses, the error is what it has
// said, and not its exit status.
func TestCallsSayWhatWasRefused(t *testing.T) {
	t.Parallel()
	for _, c := range calls() {
		err := c.do(t.Context(), refuser{})
		var refused *node.RefusedError
		if !errors.As(err, &refused) || err.Error() != "node-1: its /tmp is full" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

var variable = regexp.MustCompile(`\bKPLB_[A-Z0-9_]+\b`)

// TestVariables: a program is given every variable that it uses, and no other. An
// unset one ends it.
func TestVariables(t *testing.T) {
	t.Parallel()
	for _, c := range calls() {
		var h recorder
		if err := c.do(t.Context(), &h); err != nil {
			t.Fatal(err)
		}
		given := slices.Sorted(maps.Keys(h.script.Vars))
		whole := variable.FindAllString(h.script.Body, -1)
		for _, name := range given {
			if !slices.Contains(whole, name) {
				t.Errorf("%s is given %s, and does not use it", c.name, name)
			}
		}
		file, _, _ := strings.Cut(c.name, " ")
		own, err := os.ReadFile("programs/" + file + ".sh")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range variable.FindAllString(string(own), -1) {
			if !slices.Contains(given, name) {
				t.Errorf("%s uses %s, and is not given it", c.name, name)
			}
		}
	}
}
