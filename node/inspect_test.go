package node

import (
	"os"
	"testing"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// TestInspectOverSSH runs inspect.sh with a real shell at the other end of a
// real connection, on whatever machine this is.
func TestInspectOverSSH(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/etc/os-release"); err != nil {
		t.Skip("no /etc/os-release")
	}
	fakes := newSandbox(t)
	fakes.write("bin/ip", "#!/bin/sh\necho '2: eth0    inet 10.1.1.1/16 scope global eth0'\n", 0o755)
	fakes.write("bin/ss", "#!/bin/sh\necho 'LISTEN 0 4096 *:6443 *:* users:((\"kube-apiserver\",pid=42,fd=5))'\n", 0o755)
	fakes.write("bin/systemctl", "#!/bin/sh\ncase \"$*\" in *--value*) echo 0123abcd ;; *) printf 'Id=haproxy.service\\nActiveState=active\\n' ;; esac\n", 0o755)
	fakes.write("bin/journalctl", "#!/bin/sh\n[ \"$6\" = _SYSTEMD_INVOCATION_ID=0123abcd ] && printf '(KPLB) Entering MASTER STATE\\n(KPLB) other\\n(KPLB) Entering BACKUP STATE (init)\\n'\n", 0o755)
	fakes.write("bin/haproxy", "#!/bin/sh\necho 'HAProxy version 2.6.12-1+deb12u3'\n", 0o755)
	fakes.write("bin/keepalived", "#!/bin/sh\necho 'Keepalived v2.2.7 (01/16,2022)' >&2\n", 0o755)
	server := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell, Path: fakes.path("bin")})
	h, err := remote.Dial(t.Context(), server.Target(), server.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close() //nolint:errcheck // a test's connection
	f, err := Inspect(t.Context(), h, kubeadm.Distribution{}, InspectRequest{Ports: []uint16{6443}, MonitorPort: closed(t, "127.0.0.1").Port(), VRRP: true})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "addresses", f.Addresses, []Address{address("eth0", "10.1.1.1/16")})
	same(t, "listeners", f.Listeners, []Listener{listener("[::]:6443", distribution.APIServer)})
	same(t, "units", f.Units, map[string]Unit{"haproxy.service": {Active: "active"}})
	same(t, "versions", f.HAProxy.Version.String()+" "+f.Keepalived.Version.String(), "2.6.12 2.2.7")
	same(t, "haproxy is silent", f.Servers == nil, true)
	same(t, "VRRP", f.VRRP, map[string]string{"KPLB": "MASTER"})
	if f.Arch == "" || f.OS.ID == "" {
		t.Errorf("arch %q, os %q", f.Arch, f.OS)
	}
}

// TestInspectAsksForPorts on the node.
func TestInspectAsksForPorts(t *testing.T) {
	t.Parallel()
	fakes := newSandbox(t)
	fakes.write("bin/ss", "#!/bin/sh\nprintf %s \"$2\" >"+fakes.path("asked")+"\n", 0o755)
	server := remotetest.NewServer(t, remotetest.Options{Other: remotetest.RunShell, Path: fakes.path("bin")})
	h, err := remote.Dial(t.Context(), server.Target(), server.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close() //nolint:errcheck // a test's connection
	for want, ports := range map[string][]uint16{
		"( sport = :6443 )": {6443},
		"( sport = :6443 or sport = :6443 or sport = :1 or sport = :80 or sport = :7777 or sport = :8405 )": {6443, 6443, 1, 80, 7777, 8405},
	} {
		if _, err := Inspect(t.Context(), h, kubeadm.Distribution{}, InspectRequest{Ports: ports, MonitorPort: 1}); err != nil {
			t.Fatal(err)
		}
		asked, err := os.ReadFile(fakes.path("asked"))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "asked", string(asked), want)
	}
}

// TestInspectCutShort: an answer without its end is none.
func TestInspectCutShort(t *testing.T) {
	t.Parallel()
	h := scripted(func(each func(remote.Record) error) error { return each(record("arch", "x86_64")) })
	_, err := Inspect(t.Context(), h, kubeadm.Distribution{}, InspectRequest{})
	says(t, err, "node-1: inspect: the node's answer is cut short")
	h = scripted(func(each func(remote.Record) error) error { return each(record("files", "!")) })
	_, err = Inspect(t.Context(), h, kubeadm.Distribution{}, InspectRequest{})
	says(t, err, "node-1: inspect: record files: field 0 of record files is not base64: illegal base64 data at input byte 0")
}

func TestHostileRecords(t *testing.T) {
	t.Parallel()
	cases := []struct {
		record remote.Record
		err    string
	}{
		{record("arch"), ""},
		{record("os"), ""},
		{record("nonlocal_bind"), ""},
		{record("manifest"), ""},
		{record("something", "else"), ""},
		{record("version"), `inspect: version of : "" holds no version like 2.6.12`},
		{record("version", "haproxy", "sh: 1: haproxy: not found"), `inspect: version of haproxy: "sh: 1: haproxy: not found" holds no version like 2.6.12`},
		{record("files"), "inspect: record files: record files has no field 0"},
		{record("files", "!"), "inspect: record files: field 0 of record files is not base64: illegal base64 data at input byte 0"},
		{recordData("files", []byte("garbage")), "archive of files: unexpected EOF"},
	}
	for _, c := range cases {
		says(t, (&Facts{}).take(c.record), c.err)
	}
}

// TestHostileKubeconfigs: paths are given to programs again, a word each.
func TestHostileKubeconfigs(t *testing.T) {
	t.Parallel()
	f := &Facts{}
	for _, path := range []string{"/root/.kube/config", "root/.kube/config", "/home/a b/.kube/config", "/home/$(reboot)/.kube/config", "/home/*/.kube/config", "", "/home/x\n/.kube/config"} {
		if err := f.take(record("kubeconfig", path)); err != nil {
			t.Error(err)
		}
	}
	same(t, "paths", f.Kubeconfigs, []string{"/root/.kube/config"})
}
