package rollout

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// kubeconfigFor is what kubeadm writes.
func kubeconfigFor(t testing.TB, server string) []byte {
	t.Helper()
	pair := authority.certificate(t, farAhead, nil)
	certificate, key := pemOf(t, pair)
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: kubernetes-admin
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
kind: Config
users:
- name: kubernetes-admin
  user:
    client-certificate-data: %s
    client-key-data: %s
`, encode(authority.pem), server, encode(certificate), encode(key))
}

func pemOf(t testing.TB, pair tls.Certificate) (certificate, key []byte) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

const kubeadmConfig = `apiServer: {}
apiVersion: kubeadm.k8s.io/v1beta4
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controlPlaneEndpoint: 127.9.1.1:6443
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/12
`

func configMapPath(namespace, name string) string {
	return "/api/v1/namespaces/" + namespace + "/configmaps/" + name
}

// managedFleet is a cluster of a guide's reader: nothing but node 1 is known to
// anybody. objects holds its ConfigMaps by path.
func managedFleet(t *testing.T, of func(testing.TB, *Rollout, inventory.Node) *node.Facts) (f *fleet, objects map[string]map[string]any) {
	t.Helper()
	f = newFleet(t, of)
	f.Cluster.Certificates, f.Cluster.Endpoint = inventory.Manage, inventory.Manage
	kubeconfig := kubeconfigFor(t, "https://node-1.home.arpa:6443")
	for name, n := range f.nodes {
		certificate, _ := pemOf(t, authority.certificate(t, farAhead, []string{"kubernetes", name}, "10.96.0.1"))
		put(n.facts, kubeadm.CertificatePath, 0o644, certificate)
		put(n.facts, kubeadm.AdminPath, 0o600, kubeconfig)
		n.on["credentials"] = func(_ context.Context, _ remote.Script, say say) error {
			r := nodetest.Data("kubeconfig", kubeconfig)
			say(r.Key, r.Fields...)
			return nil
		}
	}
	object := func(namespace, name, key, text string) map[string]any {
		return map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "immutable": false, "data": map[string]any{key: text, "other": "stays"},
			"metadata": map[string]any{"namespace": namespace, "name": name, "resourceVersion": "7"}}
	}
	objects = map[string]map[string]any{
		configMapPath("kube-system", "kubeadm-config"): object("kube-system", "kubeadm-config", "ClusterConfiguration", kubeadmConfig),
		configMapPath("kube-public", "cluster-info"):   object("kube-public", "cluster-info", "kubeconfig", string(kubeconfig)),
	}
	f.api = func(r *http.Request) (int, string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		have, ok := objects[r.URL.Path]
		if !ok {
			return 404, `{"kind":"Status"}`
		}
		if r.Method == http.MethodPut {
			body, err := io.ReadAll(r.Body)
			sent := map[string]any{}
			if err == nil {
				err = json.Unmarshal(body, &sent)
			}
			if err != nil {
				return 400, err.Error()
			}
			objects[r.URL.Path], have = sent, sent
		}
		text, _ := json.Marshal(have)
		return 200, string(text)
	}
	return f, objects
}

func dataOf(object map[string]any, key string) string {
	return object["data"].(map[string]any)[key].(string)
}

// TestManaged moves everything to the VIP, and back.
func TestManaged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, objects := managedFleet(t, appliedOf)
		info, configuration := configMapPath("kube-public", "cluster-info"), configMapPath("kube-system", "kubeadm-config")
		before := dataOf(objects[info], "kubeconfig")
		p := f.planned(proven)
		for _, n := range p.Nodes {
			same(t, n.Node.Name+" certificate", n.Certificate.Names, []string{"127.9.1.9"})
			if config := string(n.Certificate.config); !strings.Contains(config, "- "+n.Node.Name+"\n") {
				t.Errorf("%s: kubeadm is given:\n%s", n.Node.Name, config)
			}
			same(t, n.Node.Name+" changes", len(n.Changes), 1)
			c := n.Changes[0]
			same(t, n.Node.Name+" file", c.Path+" "+c.Owner.String(), kubeadm.AdminPath+" 0:0")
			if !strings.Contains(c.Diff, "+    server: https://127.9.1.9:1\n") || strings.Contains(c.Diff, "key-data: L") {
				t.Errorf("%s: diff:\n%s", n.Node.Name, c.Diff)
			}
		}
		names := make([]string, len(p.ConfigMaps))
		for i, o := range p.ConfigMaps {
			names[i] = o.Name
		}
		same(t, "objects", names, []string{"kube-system/kubeadm-config", "kube-public/cluster-info"})
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		if issued := asked[node.StageRequest](f, "node-1 stage").Certificate; issued == nil || !strings.Contains(string(issued.Config), "certificatesDir: /var/lib/kplb/stage/pki\n") {
			t.Errorf("node-1 is to issue %+v", issued)
		}
		if text := dataOf(objects[configuration], "ClusterConfiguration"); !strings.Contains(text, "controlPlaneEndpoint: 127.9.1.9:1\n") || !strings.Contains(text, "- 127.9.1.9\n") {
			t.Errorf("kubeadm-config:\n%s", text)
		}
		same(t, "what is not ours stays", dataOf(objects[info], "other"), "stays")

		// as it is on the nodes now
		for _, n := range f.Cluster.Nodes {
			member := f.nodes[n.Name]
			member.save("0", member.facts)
			edited := bytes.ReplaceAll(member.facts.Files[kubeadm.AdminPath].Content, []byte("https://node-1.home.arpa:6443"), []byte("https://127.9.1.9:1"))
			put(member.facts, kubeadm.AdminPath, 0o600, edited)
			certificate, _ := pemOf(t, authority.certificate(t, farAhead, []string{"kubernetes", n.Name}, "10.96.0.1", "127.9.1.9"))
			put(member.facts, kubeadm.CertificatePath, 0o644, certificate)
			member.save("1", member.facts)
		}
		same(t, "nothing is left to do", f.planned(nil).Empty(), true)
		back, err := f.PlanBack(t.Context(), 0)
		says(t, err, "")
		back.prove = proven
		same(t, "the earlier certificate", back.Nodes[0].Certificate.from, 0)
		_, err = f.Apply(t.Context(), back, options)
		says(t, err, "")
		if kept := asked[node.StageRequest](f, "node-1 stage").Certificate; kept == nil || kept.Config != nil || kept.Generation != 0 {
			t.Errorf("node-1 takes %+v", kept)
		}
		same(t, "cluster-info", dataOf(objects[info], "kubeconfig"), before)
		same(t, "kubeadm-config", dataOf(objects[configuration], "ClusterConfiguration"), kubeadmConfig)
		same(t, "no trace", objects[info]["metadata"].(map[string]any)["annotations"], any(nil))
		f.ends()
	})
}

// TestManagedRefused names what is in the way before anything changes.
func TestManagedRefused(t *testing.T) {
	const lacks = "node-1: the apiserver's certificate is not for 127.9.1.9"
	for _, c := range []struct {
		name   string
		change func(f *fleet, objects map[string]map[string]any)
		says   string
	}{
		{"the certificate is left, and clients are to move", func(f *fleet, _ map[string]map[string]any) { f.Cluster.Certificates = inventory.Leave }, lacks},
		{"the certificate is somebody else's", func(f *fleet, _ map[string]map[string]any) {
			edit(f.nodes["node-1"].facts, "/etc/kubernetes/manifests/kube-apiserver.yaml", "--tls-cert-file=/etc/kubernetes/pki/", "--tls-cert-file=/etc/tls/")
		}, lacks},
		{"kubeadm-config is of another kind", func(_ *fleet, objects map[string]map[string]any) {
			objects[configMapPath("kube-system", "kubeadm-config")]["data"] = map[string]any{"ClusterConfiguration": "kind: Cluster\n"}
		}, lacks},
		{"cluster-info is no kubeconfig", func(_ *fleet, objects map[string]map[string]any) {
			objects[configMapPath("kube-public", "cluster-info")]["data"] = map[string]any{"kubeconfig": "{"}
		}, "home: ConfigMap kube-public/cluster-info is not YAML: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, objects := managedFleet(t, appliedOf)
				c.change(f, objects)
				_, err := f.Plan(t.Context())
				if err == nil || !strings.HasPrefix(err.Error(), c.says) {
					t.Errorf("got %v, want %s", err, c.says)
				}
				same(t, "changed", len(f.log()) > 3, false) // but for credentials
				f.ends()
			})
		})
	}
}

// TestKubeconfigsLeftAlone: what cannot be moved is named, and stays.
func TestKubeconfigsLeftAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, _ := managedFleet(t, appliedOf)
		facts := f.nodes["node-1"].facts
		put(facts, kubeadm.SuperAdminPath, 0o600, []byte("clusters: ["))
		put(facts, "/root/.kube/config", 0o777|1<<27, []byte(kubeadm.AdminPath)) // a symbolic link
		put(facts, "/home/pi/.kube/config", 0o600, kubeconfigFor(t, "https://localhost:6443"))
		facts.Kubeconfigs = []string{"/root/.kube/config", "/home/pi/.kube/config"}
		f.nodes["node-1"].on["inspect"] = func(_ context.Context, _ remote.Script, say say) error {
			for _, r := range append([]remote.Record{record("kubeconfig", "/root/.kube/config"), record("kubeconfig", "/home/pi/.kube/config")}, nodetest.Inspection(facts)...) {
				say(r.Key, r.Fields...)
			}
			return nil
		}
		p := f.planned(nil)
		last := p.Nodes[len(p.Nodes)-1]
		changed := make([]string, len(last.Changes))
		for i, c := range last.Changes {
			changed[i] = c.Path
		}
		same(t, "moved", changed, []string{kubeadm.AdminPath})
		notes := strings.Join(p.Notes(), "\n")
		for _, want := range []string{"node-1: " + kubeadm.SuperAdminPath + " is not YAML", "node-1: /home/pi/.kube/config goes through localhost:6443: not touched"} {
			if !strings.Contains(notes, want) {
				t.Errorf("notes lack %q:\n%s", want, notes)
			}
		}
		same(t, "the link is what it points to", strings.Contains(notes, "/root/"), false)
		f.ends()
	})
}

// TestWorkers come last, and move only when the VIP answers.
func TestWorkers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, _ := managedFleet(t, appliedOf)
		worker := inventory.Node{Name: "worker-1", Worker: true, Address: f.Cluster.Nodes[0].Address.Next().Next().Next()}
		f.Cluster.Workers = []inventory.Node{worker}
		facts := debian(f.Cluster, worker)
		put(facts, kubeadm.CAPath, 0o644, authority.pem)
		put(facts, kubeadm.KubeletPath, 0o600, kubeconfigFor(t, "https://node-1.home.arpa:6443"))
		f.nodes[worker.Name] = &fakeNode{name: worker.Name, fleet: f, facts: facts, on: map[string]step{}, saved: map[string]*node.Snapshot{}}
		p := f.planned(proven)
		last := p.Nodes[len(p.Nodes)-1]
		same(t, "the last one", last.Node.Name, worker.Name)
		same(t, "what happens there", last.Consequences(), []string{"kubelet: restarts, pods go on"})
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "haproxy is nothing to a worker", len(asked[node.ActivateRequest](f, "worker-1 activate").HAProxyListens), 0)
		same(t, "its kubelet", asked[node.ActivateRequest](f, "worker-1 activate").Kubelet, node.Restart)
		inTurn(t, f.log(), "node-1 activate", "worker-1 transact")
		f.ends()
	})
}
