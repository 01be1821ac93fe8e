package nodetest

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// Record is what a program reports.
func Record(key string, fields ...string) remote.Record {
	return remote.Record{Key: key, Fields: fields}
}

// Data is what a program reports of bytes.
func Data(key string, data []byte) remote.Record {
	return Record(key, base64.StdEncoding.EncodeToString(data))
}

// Inspection is what a Debian node answers to node.Inspect that has these facts.
func Inspection(f *node.Facts) []remote.Record {
	out := []remote.Record{
		Record("arch", f.Arch), Record("os", "ID", f.OS.ID), Record("os", "VERSION_ID", `"`+f.OS.Version+`"`),
		Record("addresses", addressesOf(f)), Record("units", unitsOf(f)), Record("nonlocal_bind", bit(f.NonlocalBind)),
	}
	for _, p := range f.Processes {
		out = append(out, Record("process", strconv.Itoa(p.PID), strconv.Itoa(p.Parent), p.Name, p.Group, strings.Join(p.Args, "\n")))
	}
	out = append(out, Record("listeners", listenersOf(f)))
	if f.HAProxy.Installed {
		out = append(out, Record("version", "haproxy", fmt.Sprintf("HAProxy version %s-1+deb12u3 2025/10/03 - https://haproxy.org/", f.HAProxy.Version)))
	}
	if f.Keepalived.Installed {
		out = append(out, Record("version", "keepalived", fmt.Sprintf("Keepalived v%s (01/16,2022)", f.Keepalived.Version)))
	}
	if f.LockedBy != "" {
		out = append(out, Record("locked", f.LockedBy))
	}
	out = append(out, kernel(f)...)
	if f.NFT {
		out = append(out, Record("nft"), Record("redirect", f.Redirect))
	}
	for _, path := range f.Unknown {
		out = append(out, Record("unknown", path))
	}
	out = append(out, Data("files", archive(f.Files)))
	for _, m := range f.Manifests {
		out = append(out, Record("manifest", m))
	}
	if f.KubeletConnected {
		out = append(out, Record("connected", `0 0 127.0.0.1:40000 127.0.0.1:7443 users:(("kubelet",pid=7,fd=9))`))
	}
	if f.VRRP != nil {
		var journal strings.Builder
		for instance, state := range f.VRRP {
			fmt.Fprintf(&journal, "(%s) Entering %s STATE\n", instance, state)
		}
		out = append(out, Record("vrrp", journal.String()))
	}
	return append(out, Data("stats", statistics(f)), Record("done"))
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func addressesOf(f *node.Facts) string {
	var out strings.Builder
	for i, a := range f.Addresses {
		family := "inet"
		if a.Prefix.Addr().Is6() {
			family = "inet6"
		}
		fmt.Fprintf(&out, "%d: %s    %s %s scope global %s\\       valid_lft forever preferred_lft forever\n", i+1, a.Interface, family, a.Prefix, a.Interface)
	}
	return out.String()
}

func listenersOf(f *node.Facts) string {
	var out strings.Builder
	for _, l := range f.Listeners {
		local := l.Address.String()
		if l.Address.Addr() == netip.IPv6Unspecified() {
			local = fmt.Sprintf("*:%d", l.Address.Port())
		}
		users := ""
		if l.Process != "" {
			users = fmt.Sprintf(`users:(("%s",pid=%d,fd=5))`, l.Process, pidOf(f, l))
		}
		fmt.Fprintf(&out, "LISTEN 0      4096   %s 0.0.0.0:* %s\n", local, users)
	}
	return out.String()
}

// pidOf is that of a process that listens. Outside has it where another HAProxy does.
func pidOf(f *node.Facts, l node.Listener) int {
	pid := 42
	if l.Process == node.HAProxyProcess {
		pid = f.Units["haproxy.service"].MainPID
	}
	_, _ = fmt.Sscanf(l.Outside, "pid %d", &pid)
	return pid
}

func unitsOf(f *node.Facts) string {
	var out strings.Builder
	for name, u := range f.Units {
		fmt.Fprintf(&out, "MainPID=%d\nLimitNOFILE=%d\n%sId=%s\nLoadState=%s\nActiveState=%s\nUnitFileState=%s\n\n", u.MainPID, u.OpenFiles, startOf(u), name, u.Load, u.Active, u.File)
	}
	return out.String()
}

// startOf is how a unit is started.
func startOf(u node.Unit) string {
	var out strings.Builder
	for key, values := range map[string][]string{"ExecStart": u.Command, "Environment": u.Environment, "EnvironmentFiles": u.EnvironmentFiles} {
		for _, value := range values {
			fmt.Fprintf(&out, "%s=%s\n", key, value)
		}
	}
	return out.String()
}

// kernel is what is said of the kernel, and of its settings.
func kernel(f *node.Facts) []remote.Record {
	var out []remote.Record
	if f.Kernel != (node.Kernel{}) {
		out = append(out, Record("kernel", f.Kernel.Release, f.Kernel.IPVS))
	}
	for key, value := range f.Settings {
		out = append(out, Record("setting", strings.ReplaceAll(key, ".", "/"), value))
	}
	if f.RealServers != nil {
		out = append(out, Record("directed", virtualServer(f.RealServers)))
	}
	for key, value := range f.Sysctls {
		out = append(out, Record("sysctl", key, value))
	}
	return out
}

// virtualServer is /proc/net/ip_vs, with kube-proxy's beside ours.
func virtualServer(servers []node.RealServer) string {
	var b strings.Builder
	b.WriteString("IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n")
	b.WriteString("TCP  0A600001:01BB rr \n  -> 0A010109:192B      Masq    1      0          0         \nFWM  0000006B rr \n")
	for _, d := range servers {
		ip := d.At.Addr().As4()
		fmt.Fprintf(&b, "  -> %02X%02X%02X%02X:%04X      %-7s %d      %-10d %-10d\n", ip[0], ip[1], ip[2], ip[3], d.At.Port(), d.Method, d.Weight, d.Active, d.Inactive)
	}
	b.WriteString("TCP  0A60000A:0035 rr \n  -> 0A010108:0035      Masq    1      0          0         \n")
	return b.String()
}

// statistics are HAProxy's, over HTTP; nothing where it does not answer.
func statistics(f *node.Facts) []byte {
	if f.Servers == nil {
		return nil
	}
	var out strings.Builder
	out.WriteString("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n# pxname,svname,scur,status,check_status,check_code,stot,\n")
	row := func(backend string, s haproxy.ServerState, total int) {
		check, code, _ := strings.Cut(s.Check, "/")
		fmt.Fprintf(&out, "%s,%s,%d,%s,%s,%s,%d,\n", backend, s.Name, s.Sessions, s.Status, check, code, total)
	}
	totals := map[string]int{}
	for _, s := range f.Backends[node.APIServerBackend] {
		totals[s.Name] = s.Total
	}
	for _, s := range f.Servers {
		row(node.APIServerBackend, s, totals[s.Name])
	}
	for _, name := range slices.Sorted(maps.Keys(f.Backends)) {
		for _, s := range f.Backends[name] {
			if name != node.APIServerBackend {
				row(name, s.ServerState, s.Total)
			}
		}
	}
	return []byte(out.String())
}

// archive writes files as tar does on a node.
func archive(files map[string]node.File) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		f := files[path]
		h := &tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID, Size: int64(len(f.Content)), Typeflag: tar.TypeReg}
		switch {
		case f.Mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, string(f.Content), 0
		case f.Mode.IsDir():
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if h.Size > 0 {
			if _, err := w.Write(f.Content); err != nil {
				panic(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Generations is what a node answers to node.Generations.
func Generations(list []node.Generation) []remote.Record {
	var out []remote.Record
	current := ""
	for _, g := range list {
		out = append(out, Record("generation", strconv.Itoa(g.Number), g.Time, g.About, g.Txn))
		if g.Record != nil {
			out = append(out, Record("record", strconv.Itoa(g.Number), base64.StdEncoding.EncodeToString(g.Record.Bytes())))
		}
		if g.Current {
			current = strconv.Itoa(g.Number)
		}
	}
	return append(out, Record("current", current))
}

// Snapshot is what it answers to node.ReadSnapshot beside that.
func Snapshot(s *node.Snapshot) []remote.Record {
	var index, units strings.Builder
	for _, path := range slices.Sorted(maps.Keys(s.Files)) {
		fmt.Fprintf(&index, "file %s\n", path)
	}
	for _, path := range s.Absent {
		fmt.Fprintf(&index, "absent %s\n", path)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Units)) {
		fmt.Fprintf(&units, "%s %s %s\n", name, s.Units[name].Active, s.Units[name].File)
	}
	out := []remote.Record{
		Data("index", []byte(index.String())), Data("units", []byte(units.String())), Record("nonlocal_bind", bit(s.NonlocalBind)),
		Record("nonlocal_bind6", bit(s.NonlocalBind6)), Data("files", archive(s.Files)),
	}
	if s.Own {
		out = append(out, Record("own"))
	}
	return out
}
