package rollout

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

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
func managedFleet(t *testing.T, of func(testing.TB, *Rollout, inventory.Node) *node.Facts) (f *fakeFleet, objects map[string]map[string]any) {
	t.Helper()
	f = newFleet(t, of)
	f.Rollout.Fleet.Cluster.Certificates, f.Rollout.Fleet.Cluster.Endpoint = inventory.Manage, inventory.Manage
	kubeconfig := kubeconfigFor(t, "https://node-1.home.arpa:6443")
	for name, n := range f.Nodes {
		certificate, _ := pemOf(t, authority.Certificate(t, farAhead, []string{"kubernetes", name}, "10.96.0.1"))
		put(n.Facts, kubeadm.CertificatePath, 0o644, certificate)
		put(n.Facts, kubeadm.AdminPath, 0o600, kubeconfig)
		n.On["credentials"] = func(_ context.Context, _ remote.Script, say say) error {
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
	var mu sync.Mutex
	f.API = func(r *http.Request) (int, string) {
		mu.Lock()
		defer mu.Unlock()
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
			if config := string(n.Certificate.Config); !strings.Contains(config, "- "+n.Node.Name+"\n") {
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
		if issued := fleettest.Asked[node.StageRequest](f.Machines, "node-1 stage").Certificate; issued == nil || !strings.Contains(string(issued.Config), "certificatesDir: /var/lib/kplb/stage/pki\n") {
			t.Errorf("node-1 is to issue %+v", issued)
		}
		if text := dataOf(objects[configuration], "ClusterConfiguration"); !strings.Contains(text, "controlPlaneEndpoint: 127.9.1.9:1\n") || !strings.Contains(text, "- 127.9.1.9\n") {
			t.Errorf("kubeadm-config:\n%s", text)
		}
		same(t, "what is not ours stays", dataOf(objects[info], "other"), "stays")

		// as it is on the nodes now
		for _, n := range f.Rollout.Fleet.Cluster.Nodes {
			node := f.Nodes[n.Name]
			node.Save("0", node.Facts)
			edited := bytes.ReplaceAll(node.Facts.Files[kubeadm.AdminPath].Content, []byte("https://node-1.home.arpa:6443"), []byte("https://127.9.1.9:1"))
			put(node.Facts, kubeadm.AdminPath, 0o600, edited)
			certificate, _ := pemOf(t, authority.Certificate(t, farAhead, []string{"kubernetes", n.Name}, "10.96.0.1", "127.9.1.9"))
			put(node.Facts, kubeadm.CertificatePath, 0o644, certificate)
			node.Save("1", node.Facts)
		}
		same(t, "nothing is left to do", f.planned(nil).Empty(), true)
		back, err := f.PlanRemoval(t.Context())
		says(t, err, "")
		f.prove = proven
		same(t, "the earlier certificate", back.Nodes[0].Certificate.Generation, 0)
		_, err = f.Apply(t.Context(), back, options)
		says(t, err, "")
		if kept := fleettest.Asked[node.StageRequest](f.Machines, "node-1 stage").Certificate; kept == nil || kept.Config != nil || kept.Generation != 0 {
			t.Errorf("node-1 takes %+v", kept)
		}
		same(t, "cluster-info", dataOf(objects[info], "kubeconfig"), before)
		same(t, "kubeadm-config", dataOf(objects[configuration], "ClusterConfiguration"), kubeadmConfig)
		same(t, "no trace", objects[info]["metadata"].(map[string]any)["annotations"], any(nil))
		f.Ends()
	})
}

// TestManagedRefused names what is in the way before anything changes.
func TestManagedRefused(t *testing.T) {
	const lacks = "node-1: the apiserver's certificate is not for 127.9.1.9"
	for _, c := range []struct {
		name   string
		change func(f *fakeFleet, objects map[string]map[string]any)
		says   string
	}{
		{"the certificate is left, and clients are to move", func(f *fakeFleet, _ map[string]map[string]any) {
			f.Rollout.Fleet.Cluster.Certificates = inventory.Leave
		}, lacks},
		{"the certificate is somebody else's", func(f *fakeFleet, _ map[string]map[string]any) {
			edit(f.Nodes["node-1"].Facts, "/etc/kubernetes/manifests/kube-apiserver.yaml", "--tls-cert-file=/etc/kubernetes/pki/", "--tls-cert-file=/etc/tls/")
		}, lacks},
		{"kubeadm-config is of another kind", func(_ *fakeFleet, objects map[string]map[string]any) {
			objects[configMapPath("kube-system", "kubeadm-config")]["data"] = map[string]any{"ClusterConfiguration": "kind: Cluster\n"}
		}, lacks},
		{"cluster-info is no kubeconfig", func(_ *fakeFleet, objects map[string]map[string]any) {
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
				same(t, "changed", len(f.Log()) > 3, false) // but for credentials
				f.Ends()
			})
		})
	}
}

// TestWorkers come last, and move only when the VIP answers.
func TestWorkers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, _ := managedFleet(t, appliedOf)
		worker := inventory.Node{Name: "worker-1", Worker: true, Address: f.Rollout.Fleet.Cluster.Nodes[0].Address.Next().Next().Next()}
		f.Rollout.Fleet.Cluster.Workers = []inventory.Node{worker}
		facts := debian(f.Rollout.Fleet.Cluster, worker)
		put(facts, kubeadm.CAPath, 0o644, authority.PEM)
		put(facts, kubeadm.KubeletPath, 0o600, kubeconfigFor(t, "https://node-1.home.arpa:6443"))
		f.Nodes[worker.Name] = &fakeNode{ID: worker.Name, Machines: f.Machines, Facts: facts, On: map[string]step{}, Saved: map[string]*node.Snapshot{}}
		p := f.planned(proven)
		last := p.Nodes[len(p.Nodes)-1]
		same(t, "the last one", last.Node.Name, worker.Name)
		same(t, "what happens there", last.Consequences(), []string{"kubelet: restarts, pods keep running"})
		_, err := f.Apply(t.Context(), p, options)
		says(t, err, "")
		same(t, "haproxy is nothing to a worker", len(fleettest.Asked[node.ActivateRequest](f.Machines, "worker-1 activate").HAProxyListens), 0)
		same(t, "its kubelet", fleettest.Asked[node.ActivateRequest](f.Machines, "worker-1 activate").Kubelet, node.Restart)
		inTurn(t, f.Log(), "node-1 activate", "worker-1 transact")
		f.Ends()
	})
}
