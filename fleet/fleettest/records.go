package fleettest

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// Archive writes files as tar does on a node.
func Archive(t testing.TB, files map[string]node.File) []byte {
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

// Record is a line of what a program says.
func Record(key string, fields ...string) remote.Record {
	return remote.Record{Key: key, Fields: fields}
}

// RecordData is one with binary data.
func RecordData(key string, data []byte) remote.Record {
	return Record(key, base64.StdEncoding.EncodeToString(data))
}

// Records are what inspect.sh says on a node with these facts.
func Records(t testing.TB, f *node.Facts) []remote.Record {
	t.Helper()
	out := []remote.Record{Record("arch", f.Arch), Record("os", "ID", f.OS.ID), Record("os", "VERSION_ID", `"`+f.OS.Version+`"`)}
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
	out = append(out, Record("addresses", addresses.String()), Record("listeners", listeners.String()),
		Record("units", units.String()), Record("nonlocal_bind", map[bool]string{true: "1", false: "0"}[f.NonlocalBind]))
	if f.HAProxy.Installed {
		out = append(out, Record("version", "haproxy", fmt.Sprintf("HAProxy version %s-1+deb12u3 2025/10/03 - https://haproxy.org/", f.HAProxy.Version)))
	}
	if f.Keepalived.Installed {
		out = append(out, Record("version", "keepalived", fmt.Sprintf("Keepalived v%s (01/16,2022)", f.Keepalived.Version)))
	}
	if f.Kernel != (node.Kernel{}) {
		out = append(out, Record("kernel", f.Kernel.Release, f.Kernel.IPVS))
	}
	for key, value := range f.Settings {
		out = append(out, Record("setting", strings.ReplaceAll(key, ".", "/"), value))
	}
	if f.Directed != nil {
		out = append(out, Record("directed", virtualServer(f.Directed)))
	}
	if f.NFT {
		out = append(out, Record("nft"), Record("redirect", f.Redirect))
	}
	for key, value := range f.Sysctls {
		out = append(out, Record("sysctl", key, value))
	}
	out = append(out, RecordData("files", Archive(t, f.Files)))
	for _, m := range f.Manifests {
		out = append(out, Record("manifest", m))
	}
	if f.Connected {
		out = append(out, Record("connected", `0 0 127.0.0.1:40000 127.0.0.1:7443 users:(("kubelet",pid=7,fd=9))`))
	}
	if f.VRRP != nil {
		var journal strings.Builder
		for instance, state := range f.VRRP {
			fmt.Fprintf(&journal, "(%s) Entering %s STATE\n", instance, state)
		}
		out = append(out, Record("vrrp", journal.String()))
	}
	if f.Servers != nil {
		stats.WriteString("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n# pxname,svname,scur,status,check_status,stot,\n")
		totals := map[string]int{}
		for _, s := range f.Backends[node.APIServerBackend] {
			totals[s.Name] = s.Total
		}
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
	return append(out, RecordData("stats", []byte(stats.String())), Record("done"))
}

// virtualServer is /proc/net/ip_vs, with kube-proxy's beside ours.
func virtualServer(directed []node.RealServer) string {
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
