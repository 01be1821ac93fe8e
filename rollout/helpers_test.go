package rollout

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
)

const home = plantest.Home

// What nodes look like, see plantest.
var (
	parse         = plantest.Parse
	manifest      = plantest.Manifest
	debian        = plantest.Debian
	fresh         = plantest.Fresh
	put           = plantest.Put
	edit          = plantest.Edit
	set           = plantest.Set
	kubeconfigFor = plantest.Kubeconfig
	pemOf         = plantest.PEM
)

func builtin(t testing.TB) *render.Templates {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// applied is a node on which there is nothing to do. The first node of a
// cluster holds the VIP.
func applied(t testing.TB, r *Rollout, n inventory.Node) *Facts {
	t.Helper()
	f := plantest.Applied(t, r.Cluster, r.Templates, r.Secrets, n)
	if r.Cluster.Exposure == inventory.IPVS {
		f.Servers = directs(f, r.Cluster)
	}
	return f
}

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(plan.NodePlan{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
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

func rolloutOf(t testing.TB, text string) *Rollout {
	t.Helper()
	return &Rollout{Cluster: parse(t, text), Templates: builtin(t)}
}

// all makes the facts of every node.
func all(t testing.TB, r *Rollout, of func(testing.TB, *Rollout, inventory.Node) *Facts) map[string]*Facts {
	t.Helper()
	out := map[string]*Facts{}
	for _, n := range r.Cluster.Nodes {
		out[n.Name] = of(t, r, n)
	}
	return out
}

func freshOf(t testing.TB, r *Rollout, n inventory.Node) *Facts {
	t.Helper()
	return fresh(t, r.Cluster, n)
}

// archive writes files as tar does on a node.
func archive(t testing.TB, files map[string]File) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	paths := make([]string, 0, len(files))
	for path := range files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		f := files[path]
		h := &tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID, Size: int64(len(f.Content)), Typeflag: tar.TypeReg}
		switch {
		case f.Mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, string(f.Content), 0
		case f.Mode.IsDir():
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write(f.Content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func record(key string, fields ...string) remote.Record {
	return remote.Record{Key: key, Fields: fields}
}

func recordData(key string, data []byte) remote.Record {
	return record(key, base64.StdEncoding.EncodeToString(data))
}

// records is what inspect.sh says on a node with these facts.
func records(t testing.TB, f *Facts) []remote.Record {
	t.Helper()
	out := []remote.Record{record("arch", f.Arch), record("os", "ID", f.OS.ID), record("os", "VERSION_ID", `"`+f.OS.Version+`"`)}
	var addresses, listeners, units, stats strings.Builder
	for i, a := range f.Addresses {
		family := "inet"
		if a.Prefix.Addr().Is6() {
			family = "inet6"
		}
		fmt.Fprintf(&addresses, "%d: %s    %s %s scope global %s\\       valid_lft forever preferred_lft forever\n", i+1, a.Interface, family, a.Prefix, a.Interface)
	}
	for _, l := range f.Listeners {
		local := l.Address.String()
		if l.Address.Addr() == netip.IPv6Unspecified() {
			local = fmt.Sprintf("*:%d", l.Address.Port())
		}
		users := ""
		if l.Process != "" {
			users = fmt.Sprintf(`users:(("%s",pid=42,fd=5))`, l.Process)
		}
		fmt.Fprintf(&listeners, "LISTEN 0      4096   %s 0.0.0.0:* %s\n", local, users)
	}
	for name, u := range f.Units {
		fmt.Fprintf(&units, "MainPID=%d\nLimitNOFILE=%d\nId=%s\nLoadState=%s\nActiveState=%s\nUnitFileState=%s\n\n", u.MainPID, u.OpenFiles, name, u.Load, u.Active, u.File)
	}
	out = append(out, record("addresses", addresses.String()), record("listeners", listeners.String()),
		record("units", units.String()), record("nonlocal_bind", map[bool]string{true: "1", false: "0"}[f.NonlocalBind]))
	if f.HAProxy.Installed {
		out = append(out, record("version", "haproxy", fmt.Sprintf("HAProxy version %s-1+deb12u3 2025/10/03 - https://haproxy.org/", f.HAProxy.Version)))
	}
	if f.Keepalived.Installed {
		out = append(out, record("version", "keepalived", fmt.Sprintf("Keepalived v%s (01/16,2022)", f.Keepalived.Version)))
	}
	if f.Kernel != (Kernel{}) {
		out = append(out, record("kernel", f.Kernel.Release, f.Kernel.IPVS))
	}
	for key, value := range f.Settings {
		out = append(out, record("setting", strings.ReplaceAll(key, ".", "/"), value))
	}
	if f.Directed != nil {
		out = append(out, record("directed", virtualServer(f.Directed)))
	}
	if f.NFT {
		out = append(out, record("nft"), record("redirect", f.Redirect))
	}
	for key, value := range f.Sysctls {
		out = append(out, record("sysctl", key, value))
	}
	out = append(out, recordData("files", archive(t, f.Files)))
	for _, m := range f.Manifests {
		out = append(out, record("manifest", m))
	}
	if f.Connected {
		out = append(out, record("connected", `0 0 127.0.0.1:40000 127.0.0.1:7443 users:(("kubelet",pid=7,fd=9))`))
	}
	if f.VRRP != nil {
		var journal strings.Builder
		for instance, state := range f.VRRP {
			fmt.Fprintf(&journal, "(%s) Entering %s STATE\n", instance, state)
		}
		out = append(out, record("vrrp", journal.String()))
	}
	if f.Servers != nil {
		stats.WriteString("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n# pxname,svname,scur,status,check_status,stot,\n")
		totals := totals(f.Backends[node.APIServerBackend])
		for _, s := range f.Servers {
			fmt.Fprintf(&stats, "kube-apiserver,%s,%d,%s,%s,%d,\n", s.Name, s.Sessions, s.Status, s.Check, totals[s.Name])
		}
		for _, name := range slices.Sorted(maps.Keys(f.Backends)) {
			for _, s := range f.Backends[name] {
				if name != node.APIServerBackend {
					fmt.Fprintf(&stats, "%s,%s,%d,%s,%s,%d,\n", name, s.Name, s.Sessions, s.Status, s.Check, s.Total)
				}
			}
		}
	}
	return append(out, recordData("stats", []byte(stats.String())), record("done"))
}

// virtualServer is /proc/net/ip_vs, with kube-proxy's beside ours.
func virtualServer(directed []RealServer) string {
	var b strings.Builder
	b.WriteString("IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n")
	b.WriteString("TCP  0A600001:01BB rr \n  -> 0A010109:192B      Masq    1      0          0         \nFWM  0000006B rr \n")
	for _, d := range directed {
		ip := d.At.Addr().As4()
		fmt.Fprintf(&b, "  -> %02X%02X%02X%02X:%04X      %-7s %d      %-10d %-10d\n", ip[0], ip[1], ip[2], ip[3], d.At.Port(), d.Method, d.Weight, d.Active, d.Inactive)
	}
	b.WriteString("TCP  0A60000A:0035 rr \n  -> 0A010108:0035      Masq    1      0          0         \n")
	return b.String()
}

func address(iface, prefix string) Address {
	return Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

func listener(at, process string) Listener {
	return Listener{Address: netip.MustParseAddrPort(at), Process: process}
}

// What kplb keeps on a node.
const (
	basePath      = "/var/lib/kplb"
	pendingPath   = basePath + "/pending"
	restartedPath = basePath + "/restarted"
)

// inspected are the facts of a node whose program says this.
func inspected(t testing.TB, said ...remote.Record) *Facts {
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
	Host
	do func(each func(remote.Record) error) error
}

func scripted(do func(each func(remote.Record) error) error) Host { return scriptedHost{nil, do} }

func (scriptedHost) Name() string { return "node-1" }

func (h scriptedHost) Run(_ context.Context, _ remote.Script, each func(remote.Record) error) error {
	return h.do(each)
}
