package node

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/kubeadm"
)

// TestStageScript pins the lines that stage.sh reads.
func TestStageScript(t *testing.T) {
	t.Parallel()
	q := StageRequest{
		Txn: "txn1", Token: "token1", About: "ann@desk, pid 7, cluster home",
		Files: []StagedFile{
			{Path: "/etc/haproxy/haproxy.cfg", Mode: 0o644, Before: SumOf([]byte("old")), Content: []byte("new")},
			{Path: "/etc/keepalived/kplb-check", Mode: 0o755, Owner: Owner{1000, 50}, Content: []byte("check")},
			{Path: "/etc/old", Mode: 0o600, Before: SumOf([]byte("old")), Remove: true},
		},
		Certificate: &StagedCertificate{Path: kubeadm.CertificatePath, KeyPath: kubeadm.CertificateKeyPath, Config: []byte("kind: ClusterConfiguration\ncertificatesDir: /etc/kubernetes/pki\n"), Before: SumOf([]byte("certificate")), Mode: 0o644},
		Paths:       []string{"/a", "/b"}, Window: 90_500_000_000,
		VIPs: []netip.Addr{netip.MustParseAddr("10.1.233.1"), netip.MustParseAddr("fd10:1::100")}, Interface: "eth0", QuickPort: 6443, Number: 7,
	}
	s := q.script(kubeadm.Distribution{})
	old := string(SumOf([]byte("old")))
	same(t, "variables", withoutLayout(s.Vars), map[string]string{
		"KPLB_FILES": "file0 644 0:0 " + old + " " + string(SumOf([]byte("new"))) + " /etc/haproxy/haproxy.cfg\n" +
			"file1 755 1000:50 absent " + string(SumOf([]byte("check"))) + " /etc/keepalived/kplb-check\n" +
			"file2 600 0:0 " + old + " absent /etc/old\n" +
			"certificate 644 0:0 " + string(SumOf([]byte("certificate"))) + " issued /etc/kubernetes/pki/apiserver.crt\n" +
			"key 600 0:0 any issued /etc/kubernetes/pki/apiserver.key\n",
		"KPLB_PATHS": "/a /b", "KPLB_TXN": "txn1", "KPLB_TOKEN": "token1", "KPLB_ABOUT": "ann@desk, pid 7, cluster home", "KPLB_WINDOW": "90",
		"KPLB_VIP": "10.1.233.1/32 dev eth0\nfd10:1::100/128 dev eth0", "KPLB_QUICK": "6443", "KPLB_NUMBER": "7",
	})
	same(t, "content", string(s.Files["file1"]), "check")
	same(t, "the way back", bytes.Equal(s.Files["restore"], restoreProgram(layout)), true)
	same(t, "kubeadm issues it in", string(s.Files["issuer"]), "kind: ClusterConfiguration\ncertificatesDir: /var/lib/kplb/stage/pki\n")

	q.Certificate, q.QuickPort, q.Window = &StagedCertificate{Path: kubeadm.CertificatePath, KeyPath: kubeadm.CertificateKeyPath, Generation: 3, Before: SumOf(nil), Mode: 0o640, Owner: Owner{0, 7}}, 0, time.Minute
	s = q.script(kubeadm.Distribution{})
	kept := "certificate 640 0:7 " + string(SumOf(nil)) + " kept:3 /etc/kubernetes/pki/apiserver.crt\nkey 600 0:0 any kept:3 /etc/kubernetes/pki/apiserver.key\n"
	if !strings.HasSuffix(s.Vars["KPLB_FILES"], "/etc/old\n"+kept) {
		t.Errorf("files: %s", s.Vars["KPLB_FILES"])
	}
	same(t, "kubelet restarts it", s.Vars["KPLB_QUICK"], "")

	same(t, "carrying it out", withoutLayout(TransactRequest{"txn1", "token1"}.script(layout).Vars), map[string]string{"KPLB_TXN": "txn1", "KPLB_TOKEN": "token1"})
}
