package node

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

func address(iface, prefix string) Address { return Address{iface, netip.MustParsePrefix(prefix)} }

func listener(at, process string) Listener {
	return Listener{Address: netip.MustParseAddrPort(at), Process: process}
}

const esc = "\x1b[31m"

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, text string
		want       []Address
	}{
		{"a node of the lab", string(testdata(t, "node/addresses.txt")), []Address{
			address("lo", "127.0.0.1/8"), address("lo", "::1/128"), address("eth0", "10.1.1.2/16"), address("eth0", "fe80::aff:fe01:102/64"),
		}},
		{"the holder of the VIP", string(testdata(t, "node/addresses-holder.txt")), []Address{
			address("lo", "127.0.0.1/8"), address("lo", "::1/128"),
			address("eth0", "10.1.1.1/16"), address("eth0", "10.1.233.1/32"), address("eth0", "fe80::aff:fe01:101/64"),
		}},
		{"a point-to-point address has no subnet; labels and states do not matter", string(testdata(t, "node/addresses-odd.txt")), []Address{
			address("eth1", "192.168.7.1/24"), address("eth1", "192.168.7.9/24"), address("eth1", "fd00::1/64"),
		}},
		{"one end of a veth pair", "5: eth0@if6    inet 10.1.1.1/16 scope global eth0", []Address{address("eth0", "10.1.1.1/16")}},
		{"nothing", "", nil},
		{"half a line", "2: eth0    inet", nil},
		{"another family", "2: eth0    link/ether 10.1.1.1/16", nil},
		{"no address", "2: eth0    inet 10.1.1.1/33\n2: eth0    inet 10.1.1/16\n2: eth0    inet 10.1.1.01/16\n2: eth0    inet", nil},
		{"control characters in a name", "2: et" + esc + "h0\x07    inet 10.1.1.1/16", []Address{address("eth0", "10.1.1.1/16")}},
		{"garbage", "\x00\xff\xfe inet inet inet inet\ninet6\n@ @ inet ::/0", []Address{address("", "::/0")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			same(t, "addresses", parseAddresses(c.text), c.want)
		})
	}
}

func TestParseListeners(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, text string
		want       []Listener
	}{
		{"before the first apply", string(testdata(t, "node/listeners-fresh.txt")), []Listener{listener("[::]:6443", "kube-apiserver")}},
		{"after it", string(testdata(t, "node/listeners-applied.txt")), []Listener{
			listener("10.1.233.1:6443", "haproxy"), listener("127.0.0.1:8404", "haproxy"), listener("10.1.1.2:6443", "kube-apiserver"),
		}},
		{"every form of ss", string(testdata(t, "node/listeners-odd.txt")), []Listener{
			listener("127.0.0.1:6447", "python3"), // bound to lo
			listener("192.168.7.1:6443", "python3"),
			listener("0.0.0.0:6450", "python3"), // bound to eth1
			listener("0.0.0.0:6444", "python3"),
			listener("[fe80::a8a9:c6ff:fe55:d3d4]:6449", "python3"),
			listener("[::1]:6448", "python3"),
			listener("192.168.7.1:6451", "python3"), // mapped to IPv6
			listener("[::]:6452", "python3"),        // both families, bound to eth1
			listener("[::]:6445", "python3"),        // both families
			listener("[::]:6446", "python3"),
		}},
		{"nothing", "", nil},
		{"a process of another user", "LISTEN 0 128 0.0.0.0:6443 0.0.0.0:*", []Listener{listener("0.0.0.0:6443", "")}},
		{"several processes", `LISTEN 0 128 0.0.0.0:6443 0.0.0.0:* users:(("nginx",pid=2,fd=6),("haproxy",pid=1,fd=6))`, []Listener{listener("0.0.0.0:6443", "nginx")}},
		{"a name with blanks", `LISTEN 0 128 0.0.0.0:6443 0.0.0.0:* users:(("my server",pid=2,fd=6))`, []Listener{listener("0.0.0.0:6443", "my server")}},
		{"control characters in a name", `LISTEN 0 128 0.0.0.0:6443 0.0.0.0:* users:(("ha` + esc + `proxy` + "\x07" + `",pid=2,fd=6))`, []Listener{listener("0.0.0.0:6443", "haproxy")}},
		{"a name that never ends", `LISTEN 0 128 0.0.0.0:6443 0.0.0.0:* users:(("` + strings.Repeat("a", 1000), []Listener{listener("0.0.0.0:6443", "")}},
		{"a scope without a port", "LISTEN 0 128 10.1.1.1%eth0 0.0.0.0:*\nLISTEN 0 128 % 0.0.0.0:*", nil},
		{"no address", "LISTEN 0 128 localhost:6443 *:*\nLISTEN 0 128 10.1.1.1:65536 *:*\nLISTEN 0 128 *:* *:*\nLISTEN 0 128 *:https *:*", nil},
		{"an error of ss", "Error: an inet prefix is expected rather than \"[\".\nCannot parse dst/src address.", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			same(t, "listeners", parseListeners(c.text, nobody), c.want)
		})
	}
}

func TestParseUnits(t *testing.T) {
	t.Parallel()
	kubelet := Unit{Load: "not-found", Active: "inactive", OpenFiles: 20000}
	cases := []struct {
		name, text string
		want       map[string]Unit
	}{
		{"before the first apply", string(testdata(t, "node/units-fresh.txt")), map[string]Unit{
			"haproxy.service":    {Load: "loaded", Active: "inactive", File: "disabled", OpenFiles: 524288},
			"keepalived.service": {Load: "loaded", Active: "inactive", File: "disabled", OpenFiles: 524288},
			"kubelet.service":    kubelet,
		}},
		{"after it", string(testdata(t, "node/units-applied.txt")), map[string]Unit{
			"haproxy.service":    {Load: "loaded", Active: "active", File: "enabled", MainPID: 565, OpenFiles: 524288},
			"keepalived.service": {Load: "loaded", Active: "active", File: "enabled", MainPID: 580, OpenFiles: 524288},
			"kubelet.service":    kubelet,
		}},
		{"nothing: no systemd", "", map[string]Unit{}},
		{"a block without its name", "LoadState=loaded\nActiveState=active\n", map[string]Unit{}},
		{"no limit, and no number", "Id=a.service\nLimitNOFILE=infinity\nMainPID=many", map[string]Unit{"a.service": {}}},
		{"a value with an equals sign, and a line without", "Id=a.service\nLoadState=a=b\ngarbage\n=\n", map[string]Unit{"a.service": {Load: "a=b"}}},
		{"control characters", "Id=a.service\nActiveState=act" + esc + "ive\x00", map[string]Unit{"a.service": {Active: "active"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			same(t, "units", parseUnits(c.text), c.want)
		})
	}
}

// TestParseFilesOfANode reads archives of GNU tar.
func TestParseFilesOfANode(t *testing.T) {
	t.Parallel()
	files, err := parseFiles(testdata(t, "node/files-applied.tar"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for path, f := range files {
		got[path] = fmt.Sprintf("%v %d:%d %s", f.Mode, f.UID, f.GID, render.Stamp(f.Content))
	}
	same(t, "files", got, map[string]string{
		render.SysctlPath:         "-rw-r--r-- 0:0 as kplb wrote it",
		render.PatchPath:          "-rw------- 0:0 as kplb wrote it",
		render.HAProxyPath:        "-rw-r--r-- 0:0 as kplb wrote it",
		render.HAProxyUnitPath:    "-rw-r--r-- 0:0 as kplb wrote it",
		render.CheckPath:          "-rwxr-xr-x 0:0 as kplb wrote it",
		render.KeepalivedPath:     "-rw------- 0:0 as kplb wrote it",
		render.KeepalivedUnitPath: "-rw-r--r-- 0:0 as kplb wrote it",
		kubeadm.ManifestPath:      "-rw------- 0:0 not made by kplb",
		kubeadm.CAPath:            "-rw-r--r-- 0:0 not made by kplb",
		ActivePath:                "-rw------- 0:0 not made by kplb",
		currentPath:               "-rw------- 0:0 not made by kplb",
	})
	saved, err := parseFiles(testdata(t, "node/generation-0.tar"))
	if err != nil {
		t.Fatal(err)
	}
	var regular []string
	for path, f := range saved {
		if f.Mode.IsRegular() {
			regular = append(regular, path)
		}
	}
	same(t, "regular files of generation 0", len(regular), 2)
	same(t, "Debian's haproxy.cfg", strings.HasPrefix(string(saved[render.HAProxyPath].Content), "global\n\tlog /dev/log\tlocal0\n"), true)
}

// tarOf writes headers as they are, with as much content as they declare, up
// to a few bytes.
func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 && h.Size < 100 {
			_, _ = w.Write(bytes.Repeat([]byte("x"), int(h.Size)))
		}
	}
	_ = w.Flush() // unfinished where a size is a lie
	return b.Bytes()
}

func TestParseFiles(t *testing.T) {
	t.Parallel()
	file := tar.Header{Name: "etc/haproxy/haproxy.cfg", Size: 3, Mode: 0o644, Typeflag: tar.TypeReg}
	with := func(change func(*tar.Header)) tar.Header {
		h := file
		change(&h)
		return h
	}
	want := File{Mode: 0o644, Content: []byte("xxx")}
	const path = "/etc/haproxy/haproxy.cfg"
	whole := tarOf(t, file)
	cases := []struct {
		name    string
		archive []byte
		want    map[string]File
		err     string
	}{
		{"nothing", nil, map[string]File{}, ""},
		{"a file", whole, map[string]File{path: want}, ""},
		{"an owner and special bits", tarOf(t, with(func(h *tar.Header) { h.Uid, h.Gid, h.Mode = 1000, 50, 0o4755 })),
			map[string]File{path: {Mode: fs.ModeSetuid | 0o755, UID: 1000, GID: 50, Content: want.Content}}, ""},
		{"a symbolic link is not followed", tarOf(t, tar.Header{Name: "etc/x", Linkname: "/etc/shadow", Typeflag: tar.TypeSymlink, Mode: 0o777}),
			map[string]File{"/etc/x": {Mode: fs.ModeSymlink | 0o777, Content: []byte("/etc/shadow")}}, ""},
		{"a second name of a file is not a file of its own", tarOf(t, tar.Header{Name: "etc/x", Linkname: "etc/y", Typeflag: tar.TypeLink, Mode: 0o644}),
			map[string]File{"/etc/x": {Mode: fs.ModeIrregular | 0o644, Content: []byte{}}}, ""},
		{"a directory", tarOf(t, tar.Header{Name: "etc/x/", Typeflag: tar.TypeDir, Mode: 0o755}), map[string]File{"/etc/x": {Mode: fs.ModeDir | 0o755, Content: []byte{}}}, ""},
		{"a device", tarOf(t, tar.Header{Name: "etc/x", Typeflag: tar.TypeChar, Mode: 0o600}),
			map[string]File{"/etc/x": {Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Content: []byte{}}}, ""},
		{"names that climb stay below the root", tarOf(t, with(func(h *tar.Header) { h.Name = "../../etc/../../etc/haproxy//./haproxy.cfg" })), map[string]File{path: want}, ""},
		{"an absolute name", tarOf(t, with(func(h *tar.Header) { h.Name = path })), map[string]File{path: want}, ""},
		{"1 GiB declared", tarOf(t, with(func(h *tar.Header) { h.Size = 1 << 30 })), nil, "etc/haproxy/haproxy.cfg has 1073741824 bytes, more than the 1048576 that are read"},
		{"1 GiB declared by a name with escapes", tarOf(t, with(func(h *tar.Header) { h.Size, h.Name = 1<<30, "a"+esc+"b" })), nil, "ab has 1073741824 bytes, more than the 1048576 that are read"},
		{"cut in a header", whole[:300], nil, "archive of files: unexpected EOF"},
		{"cut in the content", append(tarOf(t, with(func(h *tar.Header) { h.Size = 700 })), "half"...), nil, "archive of files: unexpected EOF"},
		{"no archive", bytes.Repeat([]byte("garbage "), 128), nil, "archive of files: archive/tar: invalid tar header"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseFiles(c.archive)
			says(t, err, c.err)
			same(t, "files", got, c.want)
		})
	}
}

func TestParseStats(t *testing.T) {
	t.Parallel()
	up := func(name string) haproxy.ServerState {
		return haproxy.ServerState{Name: name, Status: "UP", Check: "L7OK/200"}
	}
	const (
		ok     = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
		header = "# pxname,svname,scur,status,check_status,\n"
	)
	cases := []struct {
		name, answer string
		want         []haproxy.ServerState
	}{
		{"a node of the lab", string(testdata(t, "node/stats-applied.http")), []haproxy.ServerState{up("kubernetes-node-1"), up("kubernetes-node-2"), up("kubernetes-node-3")}},
		{"one apiserver stopped", string(testdata(t, "node/stats-one-down.http")), []haproxy.ServerState{up("kubernetes-node-1"), up("kubernetes-node-2"), {Name: "kubernetes-node-3", Status: "DOWN", Check: "L4CON"}}},
		{"columns in another order, sessions", ok + "# status,svname,pxname,scur\nUP 1/2,a,kube-apiserver,7\n", []haproxy.ServerState{{Name: "a", Status: "UP 1/2", Sessions: 7}}},
		{"another haproxy without our backend", ok + header + "web,a,0,UP,L4OK,\n", []haproxy.ServerState{}},
		{"no column", ok + "# a,b\nkube-apiserver,b\n", []haproxy.ServerState{}},
		{"short rows, and no number", ok + header + "kube-apiserver\nkube-apiserver,a,many\n", []haproxy.ServerState{{}, {Name: "a"}}},
		{"a name that tries to be more", ok + header + `kube-apiserver,"a` + esc + `,UP` + "\x07" + `",0,DOWN,L4CON,` + "\n", []haproxy.ServerState{{Name: "a,UP", Status: "DOWN", Check: "L4CON"}}},
		{
			"the next check is under way", ok + "# pxname,svname,scur,status,check_status,check_code\nkube-apiserver,a,0,DOWN,* L7STS,500\n",
			[]haproxy.ServerState{{Name: "a", Status: "DOWN", Check: "L7STS/500"}},
		},
		{"nothing", "", nil},
		{"no body", ok, nil},
		{"an answer without a status", "UP\n", nil},
		{"403", "HTTP/1.1 403 Forbidden\r\n\r\n" + header + "kube-apiserver,a,0,UP,L7OK,\n", nil},
		{"503", "HTTP/1.0 503 Service Unavailable\r\n\r\n<html>", nil},
		{"a redirect", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", nil},
		{"chunks of garbage", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n" + header, nil},
		{"a chunk that is cut", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n" + header + "kube-apiserver,a,0,UP,L7OK,\n", nil},
		{"a length that is a lie", "HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n" + header + "kube-apiserver,a,0,UP,L7OK,\n", nil},
		{"a quote that never ends", ok + header + `kube-apiserver,"a,0,UP,L7OK` + "\n", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := parseStats([]byte(c.answer))
			same(t, "servers", got, c.want)
			if (got == nil) != (c.want == nil) {
				t.Errorf("got %#v, want %#v: nil says that haproxy does not answer", got, c.want)
			}
		})
	}
}

// TestHugeOutput reads what a node may print at most without a delay.
func TestHugeOutput(t *testing.T) {
	t.Parallel()
	const lines = 50_000
	same(t, "addresses", len(parseAddresses(strings.Repeat("2: eth0    inet 10.1.1.1/16 scope global\n", lines))), lines)
	same(t, "listeners", len(parseListeners(strings.Repeat("LISTEN 0 128 10.1.1.1:6443 *:* users:((\"a\",pid=1,fd=1))\n", lines), nobody)), lines)
	same(t, "units", len(parseUnits(strings.Repeat("Id=a\n\n", lines))), 1)
	long := strings.Repeat("=", 1<<20)
	same(t, "one long line", len(parseUnits("Id=a\nLoadState=" + long)["a"].Load), 1<<20)
}

func clean(t *testing.T, what, s string) {
	t.Helper()
	if remote.Clean(s) != s {
		t.Errorf("%s %q holds control characters", what, s)
	}
}

func FuzzParseText(f *testing.F) {
	for _, name := range []string{"addresses.txt", "addresses-odd.txt", "listeners-odd.txt", "units-applied.txt", "stats-one-down.http"} {
		f.Add(testdata(f, "node/"+name))
	}
	f.Add([]byte("LISTEN 0 0 1%2 3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, a := range parseAddresses(string(data)) {
			clean(t, "interface", a.Interface)
		}
		for _, l := range parseListeners(string(data), nobody) {
			clean(t, "process", l.Process)
		}
		for id, u := range parseUnits(string(data)) {
			clean(t, "unit", id+u.Load+u.Active+u.File)
		}
		for _, s := range parseStats(data) {
			clean(t, "server", s.Name+s.Status+s.Check)
		}
		for instance, state := range parseStates(string(data)) {
			clean(t, "instance", instance+state)
		}
	})
}

func FuzzParseFiles(f *testing.F) {
	// small ones: the fuzzer takes minutes to shrink what a node really sends
	f.Add(tarOf(f, tar.Header{Name: "etc/a", Size: 3, Typeflag: tar.TypeReg}, tar.Header{Name: "b", Linkname: "c", Typeflag: tar.TypeSymlink}))
	f.Add(tarOf(f, tar.Header{Name: strings.Repeat("../long", 20), Format: tar.FormatPAX, Typeflag: tar.TypeReg}))
	f.Add(tarOf(f, tar.Header{Name: "../x", Size: 1 << 40, Typeflag: tar.TypeReg}))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := parseFiles(data)
		if err != nil {
			clean(t, "error", err.Error())
		}
		for path, file := range files {
			if !strings.HasPrefix(path, "/") || strings.Contains(path, "/../") || len(file.Content) > maxFile {
				t.Errorf("%q with %d bytes", path, len(file.Content))
			}
		}
	})
}

// nobody is an owner of processes who has none.
func nobody([]int) string { return "" }
