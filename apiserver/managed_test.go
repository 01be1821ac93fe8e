package apiserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/inventory"
)

// kubeconfigFor is what kubeadm writes; the client certificate is pair's.
func kubeconfigFor(t testing.TB, server string, pair tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	block := func(kind string, der []byte) string {
		return encode(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
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
`, encode(authority.PEM), server, block("CERTIFICATE", pair.Certificate[0]), block("PRIVATE KEY", der))
}

// api is an apiserver that keeps ConfigMaps.
type api struct {
	*ControlPlane
	mu      sync.Mutex
	objects map[string]map[string]any // by path
	status  int                       // of every answer to an administrator; 0: as it should be
	message string                    // with status
}

const (
	kubeadmConfigPath = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
	clusterInfoPath   = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
	kubeProxyPath     = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"
)

func newAPI(t *testing.T, host string) *api {
	t.Helper()
	pair := authority.Certificate(t, apiservertest.FarAhead, nil)
	kubeconfig := string(kubeconfigFor(t, "https://node-1.home.arpa:6443", pair))
	a := &api{ControlPlane: through(nil), objects: map[string]map[string]any{}}
	for path, data := range map[string][2]string{
		kubeadmConfigPath: {"ClusterConfiguration", kubeadmConfig}, clusterInfoPath: {"kubeconfig", kubeconfig}, kubeProxyPath: {"kubeconfig.conf", kubeconfig},
	} {
		parts := strings.Split(path, "/")
		a.objects[path] = map[string]any{
			"kind": "ConfigMap", "apiVersion": "v1", "immutable": false, "data": map[string]any{data[0]: data[1], "other": "stays"},
			"metadata": map[string]any{"namespace": parts[4], "name": parts[6], "resourceVersion": "7"},
		}
	}
	at := apiservertest.ServeClients(t, host+":0", authority.Certificate(t, apiservertest.FarAhead, nil, host), a.answer)
	vip := netip.MustParseAddr("10.1.233.1")
	a.Cluster = &inventory.Cluster{
		Port: at.Port(), VIP: vip, VIPs: []netip.Addr{vip}, Endpoint: inventory.Manage, Certificates: inventory.Manage,
		Nodes: []inventory.Node{{Name: "node-1", Address: at.Addr()}},
	}
	a.Credentials = func(context.Context) (*tls.Certificate, error) { return KeyPair([]byte(kubeconfig)) }
	return a
}

func (a *api) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	object, ok := a.objects[r.URL.Path]
	switch {
	case len(r.TLS.PeerCertificates) == 0:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/readyz":
		apiservertest.OK(w, r)
	case a.status != 0:
		w.WriteHeader(a.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"kind": "Status", "message": a.message})
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		sent := map[string]any{}
		_ = json.Unmarshal(body, &sent)
		a.objects[r.URL.Path] = sent
	default:
		_ = json.NewEncoder(w).Encode(object)
	}
}

func (a *api) client(t *testing.T) *Client {
	t.Helper()
	c, err := a.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func dataOf(object map[string]any, key string) string {
	data, _ := object["data"].(map[string]any)
	text, _ := data[key].(string)
	return text
}

func namesOf(changes []ConfigMapChange) string {
	out := make([]string, len(changes))
	for i, c := range changes {
		out[i] = c.Name
	}
	return strings.Join(out, " ")
}

// TestConfigMapsMoveAndComeBack: what is written is what was planned, nothing else
// of an object changes, and an uninstall leaves no trace.
func TestConfigMapsMoveAndComeBack(t *testing.T) {
	t.Parallel()
	a := newAPI(t, "127.0.3.10")
	c := a.client(t)
	before, _ := json.Marshal(a.objects)
	plan := func(uninstall bool) []ConfigMapChange {
		changes, err := c.PlanConfigMaps(t.Context(), a.Cluster, authority.PEM, uninstall)
		says(t, err, "")
		return changes
	}
	write := func(changes []ConfigMapChange) {
		for _, change := range changes {
			says(t, c.Write(t.Context(), change), "")
		}
	}
	changes := plan(false)
	same(t, "changes", namesOf(changes), "kube-system/kubeadm-config kube-public/cluster-info kube-system/kube-proxy")
	same(t, "hints", [3]bool{changes[0].Hint == "", changes[1].Hint == "", changes[2].Hint == ""}, [3]bool{true, true, false})
	for _, change := range changes {
		if text := string(change.Before) + string(change.After); strings.Contains(text, "key-data: L") {
			t.Errorf("%s shows a key:\n%s", change.Name, text)
		}
	}
	same(t, "planning writes nothing", func() string { now, _ := json.Marshal(a.objects); return string(now) }(), string(before))
	write(changes)
	for path, want := range map[string][2]string{
		kubeadmConfigPath: {"ClusterConfiguration", "controlPlaneEndpoint: 10.1.233.1:"}, clusterInfoPath: {"kubeconfig", "server: https://10.1.233.1:"}, kubeProxyPath: {"kubeconfig.conf", "server: https://10.1.233.1:"},
	} {
		if text := dataOf(a.objects[path], want[0]); !strings.Contains(text, want[1]) {
			t.Errorf("%s:\n%s", path, text)
		}
		same(t, path+": the rest stays", dataOf(a.objects[path], "other"), "stays")
	}
	same(t, "nothing is left to do", namesOf(plan(false)), "")
	configuration, err := c.ClusterConfiguration(t.Context())
	says(t, err, "")
	same(t, "kubeadm's", string(configuration), dataOf(a.objects[kubeadmConfigPath], "ClusterConfiguration"))

	write(plan(true))
	after, _ := json.Marshal(a.objects)
	same(t, "after an uninstall", string(after), string(before))
	same(t, "and nothing is left to do", namesOf(plan(true)), "")
}

// TestConfigMapsLeftOut: what is not there, or not kplb's business.
func TestConfigMapsLeftOut(t *testing.T) {
	t.Parallel()
	a := newAPI(t, "127.0.3.11")
	delete(a.objects, kubeProxyPath)
	a.objects[clusterInfoPath]["data"] = map[string]any{}
	c := a.client(t)
	changes, err := c.PlanConfigMaps(t.Context(), a.Cluster, authority.PEM, false)
	says(t, err, "")
	same(t, "changes", namesOf(changes), "kube-system/kubeadm-config")
	a.Cluster.Endpoint, a.Cluster.Certificates = inventory.Leave, inventory.Leave
	changes, err = c.PlanConfigMaps(t.Context(), a.Cluster, authority.PEM, false)
	says(t, err, "")
	same(t, "with everything left", namesOf(changes), "")
	same(t, "managed", ManagesConfigMaps(a.Cluster), false)
	a.Cluster.Exposure = inventory.SharedPort
	same(t, "managed for the flag", ManagesConfigMaps(a.Cluster), true)
}

// TestConfigMapsOfAnotherForm are an error that names them; what the apiserver says
// is shown without what does not belong on a terminal.
func TestConfigMapsOfAnotherForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(a *api)
		form   bool
		says   string
	}{
		"no kubeconfig":       {func(a *api) { a.objects[clusterInfoPath]["data"] = map[string]any{"kubeconfig": "kind: Pod\n"} }, true, `ConfigMap kube-public/cluster-info `},
		"another kind":        {func(a *api) { a.objects[clusterInfoPath]["kind"] = "Secret" }, false, "ConfigMap kube-public/cluster-info: is no ConfigMap"},
		"it is not allowed":   {func(a *api) { a.status, a.message = 403, "no \x1bright\u202e" }, false, "ConfigMap kube-system/kubeadm-config: the apiserver answers 403 no right"},
		"it has no more room": {func(a *api) { a.status = 507 }, false, "ConfigMap kube-system/kubeadm-config: the apiserver answers 507 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, "127.0.3.12")
			c.change(a)
			_, err := a.client(t).PlanConfigMaps(t.Context(), a.Cluster, authority.PEM, false)
			if err == nil || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("says %v, not %s", err, c.says)
			}
			var form *ConfigMapError
			same(t, "its form", errors.As(err, &form), c.form)
		})
	}
	a := newAPI(t, "127.0.3.13")
	c := a.client(t)
	changes, err := c.PlanConfigMaps(t.Context(), a.Cluster, authority.PEM, false)
	says(t, err, "")
	a.status, a.message = 409, "the object has been modified"
	says(t, c.Write(t.Context(), changes[0]), "ConfigMap kube-system/kubeadm-config: the apiserver answers 409 the object has been modified")
	_, err = c.ClusterConfiguration(t.Context())
	says(t, err, "ConfigMap kube-system/kubeadm-config: the apiserver answers 409 the object has been modified")
}

// TestClientTakesTheFirstThatIsReady, and says of all others why not.
func TestClientTakesTheFirstThatIsReady(t *testing.T) {
	t.Parallel()
	a := newAPI(t, "127.0.3.14")
	ready := a.Cluster.Nodes[0]
	a.Cluster.Nodes = []inventory.Node{{Name: "node-0", Address: netip.MustParseAddr("127.0.3.15")}, ready}
	a.client(t)
	a.Cluster.Nodes = a.Cluster.Nodes[:1]
	_, err := a.Client(t.Context())
	says(t, err, fmt.Sprintf("no apiserver answers its administrator:\nnode-0: Get \"https://127.0.3.15:%d/readyz\": dial tcp 127.0.3.15:%[1]d: connect: connection refused", a.Cluster.Port))
	a.Through["node-0"] = func(ctx context.Context, network, _ string) (net.Conn, error) { // the node reaches it
		return (&net.Dialer{}).DialContext(ctx, network, a.Cluster.APIServerAddress(ready).String())
	}
	if _, err = a.Client(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate is valid for 127.0.3.14, not 127.0.3.15") {
		t.Errorf("through the node: %v", err)
	}
	a.Credentials = func(context.Context) (*tls.Certificate, error) { return nil, errors.New("no node gives any") }
	_, err = a.Client(t.Context())
	says(t, err, "no node gives any")
}

// TestKeyPair: certificate and key have to fit.
func TestKeyPair(t *testing.T) {
	t.Parallel()
	pair := authority.Certificate(t, apiservertest.FarAhead, nil)
	got, err := KeyPair(kubeconfigFor(t, "https://10.1.1.1:6443", pair))
	says(t, err, "")
	same(t, "certificate", got.Certificate, pair.Certificate)
	pair.PrivateKey = authority.Certificate(t, apiservertest.FarAhead, nil).PrivateKey
	_, err = KeyPair(kubeconfigFor(t, "https://10.1.1.1:6443", pair))
	says(t, err, "has no key pair that fits: tls: private key does not match public key")
	if _, err = KeyPair([]byte("clusters: [")); err == nil {
		t.Error("no kubeconfig is one")
	}
}

// TestHasManagedFlag: only the flags that kplb may have set.
func TestHasManagedFlag(t *testing.T) {
	t.Parallel()
	manifest := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: kube-apiserver\nspec:\n  containers:\n  - name: kube-apiserver\n    command:\n    - kube-apiserver\n    - --%s=true\n"
	same(t, "shared", HasManagedFlag(fmt.Appendf(nil, manifest, "permit-port-sharing")), true)
	same(t, "another", HasManagedFlag(fmt.Appendf(nil, manifest, "profiling")), false)
	same(t, "none", HasManagedFlag(nil), false)
}
