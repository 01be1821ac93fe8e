//go:build e2e

package e2e

import "testing"

// TestPackagesMissing has nodes without haproxy and keepalived: apply
// installs them, and says what is wrong where that does not work.
func TestPackagesMissing(t *testing.T) {
	t.Parallel()
	m := boot(t, "e2e-packages", "--without-packages")
	m.on("1", "mv /etc/apt /etc/apt.away && mkdir /etc/apt")
	before := m.fingerprints()
	m.kplb("apply", "--inventory", labInventory, "--yes").want(t, 3, "kubernetes-node-1: apt-get install haproxy keepalived: E: ")
	m.same(before)
	m.on("1", "rm -rf /etc/apt && mv /etc/apt.away /etc/apt")
	m.kplb("apply", "--inventory", labInventory, "--yes").want(t, 0,
		"packages installed: haproxy, keepalived", "ok  /healthz on 10.1.233.1:6443: ok, TLS verified")
	m.settle(settleTime)
	m.kplb("apply", "--inventory", labInventory, "--yes").want(t, 0, "nothing to do")
}

// TestWithoutSAN has certificates that do not name the VIP: everything else
// works, and the proof says what is missing, and the hint.
func TestWithoutSAN(t *testing.T) {
	t.Parallel()
	m := boot(t, "e2e-san", "--without-vip-san")
	m.kplb("apply", "--inventory", labInventory, "--yes").want(t, 1,
		"confirmed", "NO  /healthz on 10.1.233.1:6443: the apiserver's certificate is not for 10.1.233.1", "certSANs", "kubeadm init phase certs apiserver")
	m.kplb("history", "--inventory", labInventory).want(t, 0, "1 (current)")
	m.kplb("verify", "--inventory", labInventory).want(t, 1, "the apiserver's certificate is not for 10.1.233.1")
}
