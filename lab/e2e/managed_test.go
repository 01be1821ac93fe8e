//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	lab "github.com/kplb/kplb/lab/machines"
)

// The nodes after three of the control plane.
const (
	worker = "4"
	spare  = "5"
)

// TestManaged is a cluster as somebody has it who followed a guide: the VIP is
// in no certificate, ufw is active, every kubeconfig points at node 1. kplb
// looks after all of it, through the life of the cluster, and away again.
func TestManaged(t *testing.T) {
	onlyInAll(t)
	takeTurn(t, clusters, busyCluster) // before those that are not so long
	t.Parallel()
	m := up(t, "e2e-managed", "--kubernetes", "--workers", "1", "--spares", "1", "--ufw", "--without-vip-san")
	all := []string{"1", "2", "3", worker}
	before, recordsBefore := m.everything(all), m.clusterRecords()

	inventory := m.managed("1", "2", "3")
	m.kplb("diff", "-i", inventory).want(t, 1,
		"issued anew, also for 10.1.233.1", "on kubernetes-node-1/etc/kubernetes/admin.conf", "+    server: https://10.1.233.1:6443",
		"ConfigMap kube-public/cluster-info", "ConfigMap kube-system/kubeadm-config", "ufw allows: VRRP from 10.1.1.2")
	m.kplb("apply", "-i", inventory, "--yes").want(t, 0,
		"ok  /healthz on 10.1.233.1:6443: ok, TLS verified", "kubelet is connected to 10.1.233.1:6443: ok")
	m.kplb("diff", "-i", inventory).want(t, 0)
	m.kubectlWorks()

	t.Run("kubeadm keeps what kplb did", func(t *testing.T) { m.in(t).regenerateManifest(inventory) })
	t.Run("each control-plane node off in turn", func(t *testing.T) { m.in(t).offInTurn(inventory) })
	t.Run("all nodes off and on", func(t *testing.T) { m.in(t).coldBoot(all) })
	t.Run("one node comes, another one goes", func(t *testing.T) { m.in(t).replaceNode(inventory) })

	m.kplb("remove", "-i", m.managed("2", "3", spare), "--yes").want(t, 0)
	now := m.everything([]string{"2", "3", worker}) // node 1 has left by then
	for n, is := range now {
		if d := cmp.Diff(strings.Split(before[n], "\n"), strings.Split(is, "\n")); d != "" {
			t.Errorf("node %s is not what it was before kplb (-before +now):\n%s", n, d)
		}
	}
	if d := cmp.Diff(recordsBefore, m.clusterRecords()); d != "" {
		t.Errorf("the cluster's records are not what they were (-before +now):\n%s", d)
	}
}

// managed writes an inventory in which kplb looks after everything.
func (m *machines) managed(controlPlane ...string) string {
	m.t.Helper()
	var nodes strings.Builder
	for _, n := range controlPlane {
		fmt.Fprintf(&nodes, "  - {name: kubernetes-node-%s, address: 10.1.1.%s}\n", n, n)
	}
	file := filepath.Join(m.t.TempDir(), "managed.yaml")
	text := "apiVersion: kplb/v1alpha1\nkind: Cluster\nname: managed\nvip: " + vip + "\ncertificates: manage\nendpoint: manage\nnodes:\n" + nodes.String() +
		"workers:\n  - {name: kubernetes-node-" + worker + ", address: 10.1.1." + worker + "}\nssh: {user: pi}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// everything of a node that kplb may touch, byte for byte.
func (m *machines) everything(on []string) map[string]string {
	m.t.Helper()
	out := map[string]string{}
	for _, n := range on {
		out[n] = m.on(n, `
			find /etc/haproxy /etc/keepalived /etc/sysctl.d /etc/systemd/system /etc/kubernetes /etc/ufw /root/.kube/config /home/pi/.kube/config /var/lib/kplb /run/systemd/system \
				\( -type f -printf '%p %m %U:%G ' -exec sh -c 'sha256sum <"$1"' sh {} \; \) -o -printf '%p %y %m %U:%G %l\n' 2>/dev/null | sort
			systemctl is-active haproxy keepalived kubelet ufw; systemctl is-enabled haproxy keepalived kubelet ufw
			ufw status | sort
			cat /proc/sys/net/ipv4/ip_nonlocal_bind; ls /run/kplb* 2>/dev/null | grep -v -e lock -e holder; true`)
	}
	return out
}

// clusterRecords are the texts in which the cluster names its apiservers.
func (m *machines) clusterRecords() map[string]string {
	m.t.Helper()
	out := map[string]string{}
	for _, r := range [][3]string{{"kube-system", "kubeadm-config", "ClusterConfiguration"}, {"kube-public", "cluster-info", "kubeconfig"}} {
		out[r[1]] = m.on("2", fmt.Sprintf(`kubectl --kubeconfig /etc/kubernetes/admin.conf --server https://10.1.1.2:6443 -n %s get configmap %s -o 'jsonpath={.data.%s} {.metadata.annotations}'`, r[0], r[1], r[2]))
	}
	return out
}

// kubectl runs where the operator is, with the admin.conf of node 2, which has
// to point at the VIP.
func (m *machines) kubectl(args ...string) (string, error) {
	m.t.Helper()
	file := filepath.Join(m.t.TempDir(), "admin.conf")
	text := m.on("2", "cat /etc/kubernetes/admin.conf")
	if !strings.Contains(text, "server: https://"+vip+":6443\n") || strings.Contains(text, "insecure") {
		m.t.Fatalf("admin.conf of node 2 does not point at the VIP")
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return m.tryLab("exec", append([]string{"operator", "kubectl", "--kubeconfig", file, "--request-timeout", "5s"}, args...)...)
}

// kubectlWorks also with node 1 powered off.
func (m *machines) kubectlWorks() {
	m.t.Helper()
	works := func(patience time.Duration) {
		m.t.Helper()
		m.until(patience, "kubectl get nodes through the VIP", func() string {
			out, err := m.kubectl("get", "nodes")
			if err != nil || !strings.Contains(out, "kubernetes-node-"+worker) {
				return out
			}
			return ""
		})
	}
	works(5 * time.Second)
	m.lab("poweroff", "1")
	works(15 * time.Second)
	m.lab("poweron", "1")
}

// until waits for something that says why it is not yet so.
func (m *machines) until(patience time.Duration, what string, why func() string) time.Duration {
	m.t.Helper()
	began := time.Now()
	for {
		said := why()
		switch {
		case said == "":
			return time.Since(began)
		case time.Since(began) > patience:
			fail(m.t, "%s: not within %s: %s", what, patience, said)
			m.t.FailNow()
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// offInTurn cuts the power of one control-plane node after the other: the
// worker's lease is renewed in time all the while.
func (m *machines) offInTurn(inventory string) {
	m.t.Helper()
	m.kplb("verify", "-i", inventory, "--wait", "4m").want(m.t, 0)
	for _, n := range nodes {
		m.lab("poweroff", n)
		renewals, oldest, last := 0, time.Duration(0), time.Time{}
		for end := time.Now().Add(45 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
			other := map[string]string{"1": "2", "2": "3", "3": "1"}[n]
			out, err := m.tryLab("exec", other, "kubectl", "--kubeconfig", "/etc/kubernetes/super-admin.conf", "--server", "https://10.1.1."+other+":6443",
				"-n", "kube-node-lease", "get", "lease", "kubernetes-node-"+worker, "-o", "jsonpath={.spec.renewTime}")
			if err != nil { // another node has no super-admin.conf, or is busy electing
				out, err = m.tryLab("exec", other, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--server", "https://10.1.1."+other+":6443",
					"-n", "kube-node-lease", "get", "lease", "kubernetes-node-"+worker, "-o", "jsonpath={.spec.renewTime}")
			}
			at, parseErr := time.Parse(time.RFC3339, strings.TrimSpace(out))
			if err != nil || parseErr != nil {
				continue
			}
			if at.After(last) {
				renewals, last = renewals+1, at
			}
			oldest = max(oldest, time.Since(last))
		}
		m.t.Logf("node %s off: %d renewals of the worker's lease in 45 s, the oldest one %.0f s old", n, renewals, oldest.Seconds())
		if renewals < 3 || oldest > 40*time.Second { // of leaseDurationSeconds, after which a node is NotReady
			m.t.Errorf("node %s off: the worker's kubelet lost the API: %d renewals, the oldest one %.0f s old", n, renewals, oldest.Seconds())
		}
		m.lab("poweron", n)
		m.kplb("verify", "-i", inventory, "--wait", "4m").want(m.t, 0)
	}
}

// coldBoot cuts the power of all, and then only watches.
func (m *machines) coldBoot(all []string) {
	m.t.Helper()
	for _, n := range all {
		m.lab("poweroff", n)
	}
	for _, n := range all {
		m.lab("poweron", n)
	}
	m.until(5*time.Minute, "the apiservers are ready", func() string {
		for _, n := range nodes {
			out, err := m.tryLab("exec", "operator", "curl", "--silent", "--show-error", "--max-time", "3", "--cacert", m.state("ca.crt"), "https://10.1.1."+n+":6443/readyz")
			if err != nil || out != "ok" {
				return "node " + n + ": " + out
			}
		}
		return ""
	})
	took := m.until(time.Minute, "the VIP answers by itself", func() string {
		if !m.answers() {
			return "no ok"
		}
		return ""
	})
	m.t.Logf("the VIP answers %.1f s after the last apiserver was ready", took.Seconds())
	m.settle(settleTime)
}

// replaceNode adds a fourth node and removes the first one, under load. No new
// connection fails, and of the held ones only those to the apiserver of the
// node that leaves: it is drained, but watches have no end to wait for.
func (m *machines) replaceNode(inventory string) {
	m.t.Helper()
	m.kplb("verify", "-i", inventory, "--wait", "4m").want(m.t, 0)
	m.lab("join", spare, vip+":6443")
	if m.settle(settleTime) == "1" { // what is under way there ends with the VIP's move, whoever asks for it
		m.on("1", "systemctl restart keepalived")
	}
	holder := m.settle(settleTime)
	if holder == "1" {
		m.t.Fatal("node 1 still holds the VIP")
	}
	load, err := lab.Lab{Name: m.name, Root: root(m.t)}.Load(vip+":6443", 3, 10)
	if err != nil {
		m.t.Fatal(err)
	}
	m.kplb("apply", "-i", m.managed("1", "2", "3", spare), "--yes").want(m.t, 0)
	added, broken := load.Made.Load(), load.Broken.Load()
	m.kplb("apply", "-i", m.managed("2", "3", spare), "--yes").want(m.t, 0, "kubernetes-node-1 (no longer in the inventory")
	load.Stop()
	m.t.Logf("the VIP is on node %s; %d new connections while a node was added, %d while one was removed, %d failed; of 10 held ones %d and %d broke",
		holder, added, load.Made.Load()-added, load.Failed.Load(), broken, load.Broken.Load()-broken)
	if load.Broken.Load() > 4 { // a third of ten, one more: leastconn
		m.t.Errorf("%d of 10 held connections broke, more than one apiserver had", load.Broken.Load())
	}
	if load.Failed.Load() > 0 || broken > 0 {
		m.t.Errorf("%d connections failed, %d held ones broke while a node was added; the first: %v", load.Failed.Load(), broken, load.First.Load())
	}
	if got := m.on("1", "ls /var/lib/kplb /etc/keepalived/kplb-check 2>&1; true"); strings.Contains(got, "kplb-check\n") && !strings.Contains(got, "No such file") {
		m.t.Errorf("the node that has left still has: %s", got)
	}
	m.lab("leave", "1")
	m.kplb("diff", "-i", m.managed("2", "3", spare)).want(m.t, 0)
}
