package kubeadm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// madeFor returns a certificate that is for some things.
func madeFor(t *testing.T, template x509.Certificate) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestSANs(t *testing.T) {
	t.Parallel()
	genuine := kubeconfigFile(t, "apiserver.crt")
	names, addresses, err := SANs(genuine)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"kubernetes", "kubernetes-node-1", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	if want := []netip.Addr{netip.MustParseAddr("10.96.0.1"), netip.MustParseAddr("10.1.1.1")}; !slices.Equal(addresses, want) {
		t.Errorf("addresses %q, want %q", addresses, want)
	}

	two := madeFor(t, x509.Certificate{IPAddresses: []net.IP{net.ParseIP("::ffff:10.1.1.2"), net.ParseIP("fd10::2")}})
	_, addresses, err = SANs(append(bytes.Clone(two), genuine...))
	if want := []netip.Addr{netip.MustParseAddr("10.1.1.2"), netip.MustParseAddr("fd10::2")}; err != nil || !slices.Equal(addresses, want) {
		t.Errorf("of the first of two: %v %v", addresses, err)
	}

	mail := madeFor(t, x509.Certificate{DNSNames: []string{"a"}, EmailAddresses: []string{"a@b"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "c"}}})
	for source, want := range map[string]string{
		string(mail): "is for 2 URIs or mail addresses, beside names and addresses",
		"":           "holds no certificate",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "holds a broken certificate: x509: malformed certificate",
	} {
		if _, _, err := SANs([]byte(source)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	wild := madeFor(t, x509.Certificate{DNSNames: []string{"*.lab"}, IPAddresses: []net.IP{net.ParseIP("fd10::100")}})
	for _, c := range []struct {
		certificate []byte
		host        string
		want        bool
	}{
		{kubeconfigFile(t, "apiserver.crt"), "10.1.1.1", true},
		{kubeconfigFile(t, "apiserver.crt"), "10.1.233.1", false},
		{kubeconfigFile(t, "apiserver.crt"), "kubernetes.default", true},
		{kubeconfigFile(t, "apiserver.crt"), "Kubernetes.Default", true},
		{kubeconfigFile(t, "apiserver.crt"), "kube-apiserver", false}, // its common name, which is no SAN
		{kubeconfigFile(t, "apiserver.crt"), "", false},
		{wild, "api.lab", true},
		{wild, "a.b.lab", false},
		{wild, "fd10:0::100", true},
		{nil, "a", false},
	} {
		if got := Covers(c.certificate, c.host); got != c.want {
			t.Errorf("%q: %t", c.host, got)
		}
	}
}

// TestCertificateConfig: the two documents say what is wanted, and the rest of
// the first is the cluster's. What kubeadm makes of it was seen by hand.
func TestCertificateConfig(t *testing.T) {
	t.Parallel()
	sans := []string{"kubernetes", "10.1.233.1", "old.example", "fd10:1::100", "10.1.233.1", "*.lab"}
	cases(t, "cluster", func(t *testing.T, path string, source []byte) {
		got, err := Distribution{}.CertificateConfig(source, "kubernetes-node-1", node1, sans)
		if strings.HasSuffix(path, "json-all-there.yaml") {
			if err == nil || err.Error() != "line 1: is in flow style, which is not edited" {
				t.Errorf("got %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		parts := bytes.SplitAfter(got, []byte("---\napiVersion: kubeadm.k8s.io/"))
		last := len(parts) - 1
		first := bytes.TrimSuffix(bytes.Join(parts[:last], nil), []byte("---\napiVersion: kubeadm.k8s.io/"))
		was, _ := ParseCluster(source)
		is, err := ParseCluster(first)
		if err != nil {
			t.Fatal(err)
		}
		if (&Cluster{CertSANs: sans}).Lacks(is.CertSANs) != nil || is.Lacks(sans) != nil {
			t.Errorf("has certSANs %q, want %q", is.CertSANs, sans)
		}
		was.CertSANs, is.CertSANs = nil, nil
		if d := cmp.Diff(was, is); d != "" {
			t.Errorf("something else changed:\n%s", d)
		}
		var node map[string]any
		if err := yaml.Unmarshal(append([]byte("apiVersion: kubeadm.k8s.io/"), parts[last]...), &node); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[string]any{
			"apiVersion": was.APIVersion, "kind": "InitConfiguration",
			"localAPIEndpoint": map[string]any{"advertiseAddress": "10.1.1.1"}, "nodeRegistration": map[string]any{"name": "kubernetes-node-1"},
		}, node); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		n := 0
		for documents := yaml.NewDecoder(bytes.NewReader(got)); documents.Decode(&node) == nil; {
			n++
		}
		if n != 2 {
			t.Errorf("%d documents", n)
		}
	})
}

func TestCertificateConfigGolden(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../testdata/kubeadm/cluster/genuine-with-sans.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Distribution{}.CertificateConfig(source, "kubernetes-node-1", node1, []string{"kubernetes", "fd10:1::100", "10.1.233.1"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "../testdata/kubeadm/cluster/genuine-with-sans.certs", got)
	for _, c := range []struct {
		node    string
		address netip.Addr
		san     string
		want    string
	}{
		{"a b", node1, "a", `cannot be used for node "a b", which is no name of a node`},
		{"", node1, "a", `cannot be used for node "", which is no name of a node`},
		{"a", netip.Addr{}, "a", "cannot be used for address invalid IP"},
		{"a", netip.MustParseAddr("fe80::1%eth0"), "a", "cannot be used for address fe80::1%eth0"},
		{"a", netip.IPv4Unspecified(), "a", "cannot be used for address 0.0.0.0"},
		{"a", node1, "a_b", `cannot take "a_b" as one of certSANs: it is neither a name nor an address`},
	} {
		if got, err := (Distribution{}).CertificateConfig(source, c.node, c.address, []string{c.san}); err == nil || err.Error() != c.want || got != nil {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := (Distribution{}).CertificateConfig([]byte("a: b\n"), "a", node1, nil); err == nil || err.Error() != `is of kind "", not ClusterConfiguration` {
		t.Errorf("got %v", err)
	}
}

// TestIssueIn: kubeadm works in the directory, whichever the configuration names.
func TestIssueIn(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		"kind: X\n": "certificatesDir: /x\nkind: X\n",
		"kind: X\ncertificatesDir: /etc/kubernetes/pki\n---\nkind: Y\n": "kind: X\ncertificatesDir: /x\n---\nkind: Y\n",
	} {
		if got := string(Distribution{}.IssueIn([]byte(config), "/x")); got != want {
			t.Errorf("%q becomes %q, want %q", config, got, want)
		}
	}
}
