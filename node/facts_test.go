package node

import (
	"io/fs"
	"net/netip"
	"slices"
	"testing"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/kubeadm"
)

func TestBound(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("10.1.1.1:6443")
	cases := []struct {
		name      string
		listeners []Listener
		want      bool
	}{
		{"nothing listens", nil, false},
		{"its own address", []Listener{{Address: at, Process: distribution.APIServer}}, true},
		{"beside haproxy on the VIP", []Listener{listener("10.1.233.1:6443", HAProxyProcess), {Address: at, Process: distribution.APIServer}}, true},
		{"every address", []Listener{listener("[::]:6443", distribution.APIServer)}, false},
		{"its own and every address", []Listener{{Address: at, Process: distribution.APIServer}, listener("0.0.0.0:6443", distribution.APIServer)}, false},
		{"every address, on another port", []Listener{{Address: at, Process: distribution.APIServer}, listener("0.0.0.0:7443", distribution.APIServer)}, true},
		{"another address", []Listener{listener("10.1.1.9:6443", distribution.APIServer)}, false},
		{"another process", []Listener{{Address: at, Process: "nginx"}}, false},
	}
	for _, c := range cases {
		same(t, c.name, (&Facts{Distribution: kubeadm.Distribution{}, Listeners: c.listeners}).Bound(at), c.want)
	}
}

// TestFacts are the questions that facts answer.
func TestFacts(t *testing.T) {
	t.Parallel()
	vip, other := netip.MustParseAddr("10.1.233.1"), netip.MustParseAddr("10.1.233.2")
	f := &Facts{Addresses: []Address{address("eth0", "10.1.1.1/16"), address("eth1", "10.1.233.1/32")}}
	same(t, "holds", f.Holds(vip) && !f.Holds(other) && f.HoldsAny([]netip.Addr{other, vip}) && !f.HoldsAny(nil), true)
	at, there := f.InterfaceOf(vip)
	same(t, "interface", at.Interface, "eth1")
	same(t, "there", there, true)
	_, there = f.InterfaceOf(other)
	same(t, "elsewhere", there, false)
	same(t, "Debian", OS{ID: "debian"}.Debian() && OS{ID: "raspbian", Like: "x debian y"}.Debian() && !OS{ID: "fedora", Like: "debianish"}.Debian(), true)
	same(t, "OS", OS{ID: "debian", Version: "12"}.String()+"|"+OS{ID: "arch"}.String(), "debian 12|arch")
}

// TestManagedPaths: of files that kplb only edits, those belong to a generation
// that are there, and are files.
func TestManagedPaths(t *testing.T) {
	t.Parallel()
	f := &Facts{Distribution: kubeadm.Distribution{}, Files: map[string]File{
		kubeadm.AdminPath: {Mode: 0o600}, kubeadm.SuperAdminPath: {Mode: fs.ModeSymlink | 0o777}, kubeadm.CertificatePath: {Mode: 0o644},
		"/root/.kube/config": {Mode: 0o600}, "/home/pi/.kube/config": {Mode: fs.ModeDir | 0o700},
	}, Kubeconfigs: []string{"/root/.kube/config", "/home/pi/.kube/config"}}
	always := ManagedPaths(kubeadm.Distribution{}.Layout())
	same(t, "edited", f.ManagedPaths()[len(always):], []string{kubeadm.AdminPath, kubeadm.CertificatePath, "/root/.kube/config", kubeadm.CertificateKeyPath})
	same(t, "of no node", slices.Contains(always, ActivePath) && slices.Contains(always, kubeadm.ManifestPath), true)
}
