//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestKubeadm carries the tutorial out on a genuine kubeadm cluster.
func TestKubeadm(t *testing.T) {
	turn := takeTurn(t, clusters, cluster) // before all others, which work in its idle minutes
	t.Parallel()
	m := up(t, "e2e-kubeadm", "--kubernetes")
	const inventory = "examples/tutorial.yaml"
	manifests := map[string]string{}
	for _, n := range nodes {
		manifests[n] = m.on(n, "ls -A /etc/kubernetes/manifests")
	}

	t.Run("an ingress and a second VIP", func(t *testing.T) { m.in(t).foreign(inventory) })
	m.kplb("apply", "--inventory", inventory, "--yes", "--replace-foreign").want(t, 0, "ok  /healthz on 10.1.233.1:6443: ok, TLS verified")
	if !m.answers() {
		t.Fatal("curl gets no ok through the VIP")
	}
	for _, n := range nodes {
		if now := m.on(n, "ls -A /etc/kubernetes/manifests"); now != manifests[n] {
			t.Errorf("node %s: the manifests directory held %q and holds %q", n, manifests[n], now)
		}
		m.boundToItsOwnAddress(n)
	}

	t.Run("second apply", func(t *testing.T) {
		m := m.in(t)
		before := m.fingerprints()
		m.kplb("apply", "--inventory", inventory, "--yes").want(t, 0, "nothing to do: 3 nodes are as the inventory says")
		m.same(before)
	})
	t.Run("verify", func(t *testing.T) {
		m := m.in(t)
		m.kplb("verify", "--inventory", inventory, "-o", "json").want(t, 0, `"ok": true`)
	})
	t.Run("failover", func(t *testing.T) { m.in(t).failover() })
	t.Run("kubeadm keeps the bind-address", func(t *testing.T) { m.in(t).regenerateManifest(inventory) })
	t.Run("faults in the middle of a restart", func(t *testing.T) { m.in(t).midRestart(inventory, false) })
	t.Run("anonymous requests are refused", func(t *testing.T) { m.in(t).refuseAnonymous(inventory) })
	turn.lighten(idleCluster)
	t.Run("idle streams", func(t *testing.T) { m.in(t).idleStreams() })
}

// refuseAnonymous hardens the apiservers as people do; kubelet's probes, which
// ask anonymously, then ask for the port only.
func (m *machines) refuseAnonymous(inventory string) {
	m.t.Helper()
	for _, n := range nodes {
		m.on(n, `cd /etc/kubernetes && sed -e 's/- --advertise-address=.*/&\n    - --anonymous-auth=false/' \
			-e '/^    [a-z]*Probe:/,/^      timeoutSeconds/ { s/httpGet:/tcpSocket:/; /path:/d; /scheme:/d }' manifests/kube-apiserver.yaml >hardened.yaml &&
			chmod 600 hardened.yaml && mv hardened.yaml manifests/kube-apiserver.yaml`)
	}
	m.until(3*time.Minute, "every apiserver refuses anonymous requests", func() string {
		for _, n := range nodes {
			out, _ := m.tryLab("exec", "operator", "curl", "--silent", "--max-time", "3", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", m.state("ca.crt"), "https://10.1.1."+n+":6443/readyz")
			if out != "401" {
				return "node " + n + " answers " + out
			}
		}
		return ""
	})
	m.kplb("apply", "--inventory", inventory, "--yes").want(m.t, 0, "+    http-check expect status 200,401", "apiservers refuse anonymous requests")
	// beside another lab, a handshake may take longer than a health check waits
	m.kplb("verify", "--inventory", inventory, "--wait", "1m").want(m.t, 0, "haproxy sees its servers: 3 of 3 up")
	m.kplb("diff", "--inventory", inventory).want(m.t, 0)
}

// in makes a subtest fail for itself.
func (m *machines) in(t *testing.T) *machines {
	return &machines{t: t, name: m.name, env: m.env, port: m.port}
}

// boundToItsOwnAddress asks ss, not kplb.
func (m *machines) boundToItsOwnAddress(n string) {
	m.t.Helper()
	want := "10.1.1." + n + ":6443"
	got := strings.Fields(m.on(n, `ss -Hltnp 'sport = :6443' | grep kube-apiserver | while read -r _ _ _ local _; do echo "$local"; done`))
	if len(got) != 1 || got[0] != want {
		m.t.Errorf("node %s: the apiserver listens on %v, want %s", n, got, want)
	}
}

// failover breaks the holder in the three ways of the issue.
func (m *machines) failover() {
	m.t.Helper()
	const patience = settleTime
	faults := []struct {
		name     string
		inflict  func(holder string)
		mend     func(holder string)
		mustMove bool
	}{
		{
			"haproxy stopped",
			func(h string) { m.on(h, "systemctl stop haproxy") },
			func(h string) { m.on(h, "systemctl start haproxy") }, true,
		},
		{
			"keepalived killed, parent and child",
			func(h string) { m.on(h, "kill -KILL $(pgrep -x keepalived)") },
			func(string) {}, false,
		},
		{
			"link cut",
			func(h string) { m.lab("cut", h) },
			func(h string) { m.lab("mend", h) }, true,
		},
	}
	for _, f := range faults {
		holder := m.settle(patience)
		f.inflict(holder)
		if now := m.settle(patience); f.mustMove && now == holder {
			m.t.Errorf("%s: node %s still holds the VIP", f.name, now)
		}
		f.mend(holder)
		now := m.settle(patience)
		if f.mustMove && now == holder {
			m.t.Errorf("%s: the VIP went back to node %s after the repair", f.name, now)
		}
		m.t.Logf("%s on node %s: the VIP is on node %s", f.name, holder, now)
	}
}

// regenerateManifest does what a kubeadm upgrade does to the manifest.
func (m *machines) regenerateManifest(inventory string) {
	m.t.Helper()
	m.on("2", `cat >/root/regenerate.yaml <<'END'
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.1.1.2, bindPort: 6443}
patches: {directory: /etc/kubernetes/patches}
END
echo --- >>/root/regenerate.yaml
kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system get configmap kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}' >>/root/regenerate.yaml
kubeadm init phase control-plane apiserver --config /root/regenerate.yaml`)
	if n := strings.Count(m.on("2", "cat /etc/kubernetes/manifests/kube-apiserver.yaml"), "--bind-address=10.1.1.2"); n != 1 {
		m.t.Errorf("the manifest that kubeadm wrote has --bind-address=10.1.1.2 %d times, want 1", n)
	}
	m.kplb("verify", "--inventory", inventory, "--wait", "3m").want(m.t, 0)
	m.boundToItsOwnAddress("2")
	m.kplb("diff", "--inventory", inventory).want(m.t, 0, "kubernetes-node-2: nothing to do")
}
