package plan

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/refusal"
)

const clusterConfiguration = `apiServer: {}
apiVersion: kubeadm.k8s.io/v1beta4
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controlPlaneEndpoint: 10.1.1.1:6443
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/12
`

// managed is a cluster of a guide's reader, and its nodes: nothing but node 1 is
// known to anybody.
func managed(t *testing.T) (*Input, map[string]*node.Facts) {
	t.Helper()
	in := inputOf(t, home)
	in.Cluster.Certificates, in.Cluster.Endpoint = inventory.Manage, inventory.Manage
	in.ClusterConfiguration = []byte(clusterConfiguration)
	facts := all(t, in, applied)
	for name, f := range facts {
		put(f, kubeadm.CertificatePath, 0o644, servingCertificate(t, []string{"kubernetes", name}))
		put(f, kubeadm.AdminPath, 0o600, kubeconfigFor(t, "https://node-1.home.arpa:6443"))
	}
	return in, facts
}

// servingCertificate is an apiserver's.
func servingCertificate(t *testing.T, names []string, addresses ...string) []byte {
	t.Helper()
	certificate, _ := plantest.PEM(t, plantest.CA.Certificate(t, apiservertest.FarAhead, names, append(addresses, "10.96.0.1")...))
	return certificate
}

// TestManagedClients plans kubeconfigs and certificates for the VIP, and shows
// no key.
func TestManagedClients(t *testing.T) {
	t.Parallel()
	in, facts := managed(t)
	same(t, "kubeadm's configuration is needed", IssuesCertificates(in.with(facts)), true)
	p, err := Make(in.with(facts))
	says(t, err, "")
	for _, n := range p.Nodes {
		same(t, n.Node.Name+" certificate", n.Certificate.Names, []string{"10.1.233.1"})
		same(t, n.Node.Name+" says", n.Consequences(), []string{"certificate of the apiserver: issued anew, also for 10.1.233.1, loaded without a restart"})
		if config := string(n.Certificate.Config); !strings.Contains(config, "- "+n.Node.Name+"\n") {
			t.Errorf("%s: kubeadm is given:\n%s", n.Node.Name, config)
		}
		same(t, n.Node.Name+" moves clients", n.MovesClients(), true)
		same(t, n.Node.Name+" changes", len(n.Changes), 1)
		c := n.Changes[0]
		same(t, n.Node.Name+" file", c.Path+" "+c.Owner.String(), kubeadm.AdminPath+" 0:0")
		if !strings.Contains(c.Diff, "+    server: https://10.1.233.1:6443\n") || strings.Contains(c.Diff, "key-data: L") {
			t.Errorf("%s: diff:\n%s", n.Node.Name, c.Diff)
		}
	}
	in.Cluster.Certificates, in.Cluster.Endpoint = inventory.Leave, inventory.Leave
	same(t, "kubeadm's configuration is not needed", IssuesCertificates(in.with(facts)), false)
	p, err = Make(in.with(facts))
	says(t, err, "")
	same(t, "nothing to do", p.Empty(), true)
	same(t, "notes", p.Notes()[0], "node-2: the apiserver's certificate is not for 10.1.233.1: clients of that address reject it; write certificates: manage into the inventory to have it reissued")
}

// TestCertificateRefused says why a certificate cannot be issued.
func TestCertificateRefused(t *testing.T) {
	t.Parallel()
	const lacks = "node-1: the apiserver's certificate is not for 10.1.233.1"
	for _, c := range []struct {
		name   string
		differ func(in *Input, f *node.Facts)
		hint   string
	}{
		{"certificates are left alone, and clients move", func(in *Input, _ *node.Facts) { in.Cluster.Certificates = inventory.Leave }, "write certificates: manage into the inventory, or issue it yourself: clients that are moved to the VIP would not trust it"},
		{"the apiserver has another one", func(_ *Input, f *node.Facts) {
			edit(f, kubeadm.ManifestPath, "--tls-cert-file=/etc/kubernetes/pki/", "--tls-cert-file=/etc/tls/")
		}, `issue it yourself: the apiserver uses "/etc/tls/apiserver.crt", which is not kubeadm's`},
		{"it is none", func(_ *Input, f *node.Facts) { put(f, kubeadm.CertificatePath, 0o644, []byte("x")) }, "look at /etc/kubernetes/pki/apiserver.crt: it holds no certificate"},
		{"kubeadm's configuration is another document", func(in *Input, _ *node.Facts) { in.ClusterConfiguration = []byte("kind: Cluster\n") }, "look at ConfigMap kube-system/kubeadm-config: it "},
	} {
		in, facts := managed(t)
		c.differ(in, facts["node-1"])
		_, err := Make(in.with(facts))
		refused, ok := err.(*refusal.Error) //nolint:errorlint // it is this one
		if !ok || !strings.HasPrefix(err.Error(), lacks) || !strings.HasPrefix(refused.Hints()[0], c.hint) {
			t.Errorf("%s: %v, %q", c.name, err, refused.Hints())
		}
	}
}

// TestKubeconfigsLeftAlone: what cannot be moved is named, and stays.
func TestKubeconfigsLeftAlone(t *testing.T) {
	t.Parallel()
	in, facts := managed(t)
	f := facts["node-1"]
	put(f, kubeadm.SuperAdminPath, 0o600, []byte("clusters: ["))
	put(f, "/root/.kube/config", 0o777|1<<27, []byte(kubeadm.AdminPath)) // a symbolic link
	put(f, "/home/pi/.kube/config", 0o600, kubeconfigFor(t, "https://localhost:6443"))
	put(f, "/home/bob/.kube/config", 0o777|1<<27, []byte("/mnt/config"))
	put(f, "/home/eve/.kube/config", 0o600, []byte("clusters:\n- cluster:\n    server: https://elsewhere:6443\n  name: other\n"))
	f.Kubeconfigs = []string{"/root/.kube/config", "/home/pi/.kube/config", "/home/bob/.kube/config", "/home/eve/.kube/config", "/home/gone/.kube/config"}
	p, err := Make(in.with(facts))
	says(t, err, "")
	last := p.Nodes[len(p.Nodes)-1]
	changed := make([]string, len(last.Changes))
	for i, c := range last.Changes {
		changed[i] = c.Path
	}
	same(t, "moved", changed, []string{kubeadm.AdminPath})
	notes := strings.Join(p.Notes(), "\n")
	for _, want := range []string{
		"node-1: " + kubeadm.SuperAdminPath + " is not YAML", "node-1: /home/pi/.kube/config goes through localhost:6443: not touched",
		"node-1: /home/bob/.kube/config is a symbolic link: not touched, see where it points",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
	same(t, "the link is what it points to", strings.Contains(notes, "/root/"), false)
	same(t, "another cluster's is nobody's business", strings.Contains(notes, "/eve/"), false)
}

// TestCertificateBack: the earlier certificate comes back, unless the one in place
// is newer than kplb's or the earlier one has expired.
func TestCertificateBack(t *testing.T) {
	t.Parallel()
	older, newer := servingCertificate(t, []string{"kubernetes"}), servingCertificate(t, []string{"kubernetes", "vip"})
	for _, c := range []struct {
		name         string
		was, current []byte
		years        int
		taken        bool
		note         string
	}{
		{"as kplb made it", older, newer, 0, true, ""},
		{"renewed since", older, older, 0, false, "node-1: /etc/kubernetes/pki/apiserver.crt was renewed since: it stays"},
		{"expired", older, newer, 200, false, "node-1: the earlier /etc/kubernetes/pki/apiserver.crt has expired: the one that is there stays"},
		{"the same", newer, newer, 0, false, ""},
	} {
		in := inputOf(t, home)
		facts, generations := all(t, in, applied), savedSnapshots{}
		for name, f := range facts {
			put(f, kubeadm.CertificatePath, 0o644, c.current)
			generations[SnapshotRequest{name, 1}] = plantest.Snapshot(f)
			put(f, kubeadm.CertificatePath, 0o644, c.was)
			generations[SnapshotRequest{name, 0}] = plantest.Snapshot(f)
			put(f, kubeadm.CertificatePath, 0o644, newer)
		}
		input := in.with(facts)
		input.Target, input.Now = ToGeneration, apiservertest.LongAgo.AddDate(c.years, 0, 0)
		p, err := makeWith(t, input, generations)
		says(t, err, "")
		n := p.of("node-1")
		same(t, c.name+": taken", n.Certificate != nil, c.taken)
		if c.taken {
			same(t, c.name+": says", n.Consequences()[0], "certificate of the apiserver: the earlier one, loaded without a restart")
			same(t, c.name+": before", n.Certificate.Before, node.SumOf(newer))
		}
		same(t, c.name+": note", strings.Join(n.notes, ""), strings.TrimPrefix(c.note, "node-1: "))
	}
}
