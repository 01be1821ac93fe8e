package plan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
)

// TestMayMend: a plan mends an apiserver by what keeps it from running, and by nothing else.
func TestMayMend(t *testing.T) {
	t.Parallel()
	c := plantest.Parse(t, plantest.Home)
	n := c.Nodes[1]
	listens := func(at, process string) node.Listener {
		return node.Listener{Address: netip.MustParseAddrPort(at), Process: process}
	}
	const haproxy, own = node.HAProxyProcess, "kube-apiserver"
	bound, plain := plantest.BoundManifest(t, n), plantest.Manifest(t, n)
	shared, err := kubeadm.Distribution{}.Share(plain)
	if err != nil {
		t.Fatal(err)
	}
	manifest, reload := NodePlan{Node: n, Manifest: &Change{}}, NodePlan{Node: n, HAProxy: node.Reload}
	for _, test := range []struct {
		name     string
		manifest []byte // that is there now
		listens  []node.Listener
		plan     NodePlan
		want     bool
	}{
		{"it crashes, and gets another manifest", bound, nil, manifest, false},
		{"it crashes, and HAProxy reloads", bound, []node.Listener{listens("10.1.233.1:6443", haproxy)}, reload, false},
		{"it crashes, and gets a certificate", bound, nil, NodePlan{Node: n, Certificate: &Certificate{}}, false},
		{"it is to have an address that the node has not", []byte(strings.ReplaceAll(string(bound), "10.1.1.2", "10.1.1.99")), nil, manifest, true},
		{"the same, and the manifest stays", []byte(strings.ReplaceAll(string(bound), "10.1.1.2", "10.1.1.99")), nil, reload, false},
		{"HAProxy has its address", bound, []node.Listener{listens("10.1.1.2:6443", haproxy)}, reload, true},
		{"HAProxy has every address", bound, []node.Listener{listens("[::]:6443", haproxy)}, reload, true},
		{"HAProxy has one of every address", plain, []node.Listener{listens("10.1.233.1:6443", haproxy)}, manifest, true},
		{"they share the port", shared, []node.Listener{listens("10.1.233.1:6443", haproxy)}, reload, false},
		{"HAProxy has another port", plain, []node.Listener{listens("10.1.233.1:8443", haproxy)}, reload, false},
		{"another process has its port", bound, []node.Listener{listens("10.1.1.2:6443", "nginx")}, reload, false},
		{"it listens elsewhere", bound, []node.Listener{listens("127.0.0.1:6443", own)}, manifest, true},
		{"it listens, and is not ready", bound, []node.Listener{listens("10.1.1.2:6443", own)}, manifest, false},
		{"its certificate has expired", bound, []node.Listener{listens("10.1.1.2:6443", own)}, NodePlan{Node: n, Certificate: &Certificate{}}, true},
		{"ufw keeps others from it", bound, []node.Listener{listens("10.1.1.2:6443", own)}, NodePlan{Node: n, UFWAllow: []render.Rule{{}}}, true},
	} {
		f := plantest.Debian(c, n)
		f.Listeners = test.listens
		plantest.Put(f, kubeadm.ManifestPath, 0o600, test.manifest)
		if got := test.plan.MayMend(c, f); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}
