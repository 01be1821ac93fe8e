//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	lab "github.com/kplb/kplb/lab/machines"
)

// TestLifecycle goes through everything that is done with a cluster after the
// first apply, up to taking kplb away again.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	m := boot(t, "e2e-lifecycle")
	before := m.contents()
	m.kplb("apply", "--inventory", labInventory, "--yes").want(t, 0)
	m.kplb("status", "--inventory", labInventory).want(t, 0, "MASTER", "BACKUP", "holds it", "3 of 3 up", "ready", "L7OK/200")
	changed := rewrite(t, t.TempDir(), "haproxy: {maxConn: 5000}")

	t.Run("saved plan", func(t *testing.T) { m.in(t).savedPlan(changed) })
	t.Run("history and rollback", func(t *testing.T) { m.in(t).rollback(changed) })
	t.Run("a person confirms", func(t *testing.T) { m.in(t).confirmByHand(changed) })
	t.Run("nobody confirms", func(t *testing.T) { m.in(t).notConfirmed() })
	t.Run("another VRID", func(t *testing.T) { m.in(t).anotherVRID() })
	t.Run("unreachable node", func(t *testing.T) { m.in(t).leftOut() })

	m.kplb("remove", "--inventory", labInventory, "--yes").want(t, 0, "ok  kubernetes-node-3: does not hold 10.1.233.1")
	for n, was := range before {
		if now := m.contents()[n]; now != was {
			t.Errorf("node %s is not what it was before kplb\nbefore:\n%s\nnow:\n%s", n, was, now)
		}
	}
}

// contents is what a node holds where kplb writes, and what its daemons do.
func (m *machines) contents() map[string]string {
	out := map[string]string{}
	for _, n := range nodes {
		out[n] = m.on(n, `
			find /etc/haproxy /etc/keepalived /etc/sysctl.d /etc/systemd/system /etc/kubernetes /var/lib/kplb /run/systemd/system \
				\( -type f -printf '%p %m %U:%G ' -exec sh -c 'sha256sum <"$1"' sh {} \; \) -o -printf '%p %y %m %U:%G %l\n' 2>/dev/null | sort
			systemctl is-active haproxy keepalived; systemctl is-enabled haproxy keepalived
			cat /proc/sys/net/ipv4/ip_nonlocal_bind; ls /run/kplb* 2>/dev/null | grep -v -e lock -e holder; true`)
	}
	return out
}

func (m *machines) savedPlan(changed string) {
	m.t.Helper()
	plan := filepath.Join(m.t.TempDir(), "plan.json")
	m.kplb("diff", "--inventory", changed, "-o", plan).want(m.t, 1, "plan saved")
	m.on("2", "touch /etc/haproxy/unrelated && sed -i '$a # an edit' /etc/haproxy/haproxy.cfg")
	before := m.fingerprints()
	m.kplb("apply", plan, "--yes").want(m.t, 3, "kubernetes-node-2: the plan is stale: /etc/haproxy/haproxy.cfg has changed on the node since")
	m.same(before)
	m.on("2", "rm /etc/haproxy/unrelated && sed -i '$d' /etc/haproxy/haproxy.cfg")
	m.kplb("apply", plan, "--yes").want(m.t, 0, "haproxy: reloads")
	m.kplb("apply", plan, "--yes").want(m.t, 3, "the plan is stale: /etc/haproxy/haproxy.cfg is as planned already")
}

func (m *machines) rollback(changed string) {
	m.t.Helper()
	m.kplb("history", "--inventory", changed).want(m.t, 0, "as it was before kplb", "2 (current)")
	m.kplb("rollback", "--inventory", changed, "--to", "7", "--yes").want(m.t, 3, "there is no generation 7")
	m.kplb("rollback", "--inventory", changed, "--yes").want(m.t, 0, "haproxy: reloads")
	m.kplb("diff", "--inventory", labInventory).want(m.t, 0)
}

// confirmByHand has a second operator confirm, while nobody else may change
// anything.
func (m *machines) confirmByHand(changed string) {
	m.t.Helper()
	done := make(chan result, 1)
	go func() { done <- m.kplb("apply", "--inventory", changed, "--yes", "--wait") }()
	m.awaitWaiting("1")
	m.kplb("apply", "--inventory", labInventory, "--yes").want(m.t, 3, "a change is awaiting confirmation: ")
	m.kplb("confirm", "--inventory", changed).want(m.t, 0, "confirmed: kubernetes-node-1, kubernetes-node-2, kubernetes-node-3")
	(<-done).want(m.t, 0)
	m.kplb("diff", "--inventory", changed).want(m.t, 0)
}

// awaitWaiting waits until a change is in place, and its operator has left it to others.
func (m *machines) awaitWaiting(node string) {
	m.t.Helper()
	m.awaitPending(node)
	m.until(settleTime, "the change is left to others", func() string {
		for _, n := range nodes {
			if owner := m.on(n, "cat /run/kplb.owner 2>/dev/null || true"); owner != "" {
				return "node " + n + " is locked by " + owner
			}
		}
		return ""
	})
}

func (m *machines) awaitPending(node string) {
	m.t.Helper()
	for end := time.Now().Add(settleTime); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if strings.Contains(m.on(node, "ls -d /var/lib/kplb/pending 2>/dev/null || true"), "pending") {
			return
		}
	}
	m.t.Fatalf("node %s has no pending change within %s", node, settleTime)
}

// notConfirmed lets the window pass.
func (m *machines) notConfirmed() {
	m.t.Helper()
	m.kplb("apply", "--inventory", labInventory, "--yes", "--wait", "--confirm-timeout", "10s").want(m.t, 3,
		"not confirmed", "every node is as before")
	m.kplb("status", "--inventory", labInventory).want(m.t, 1, "was taken back at", ": timer")
	m.kplb("apply", "--inventory", labInventory, "--yes").want(m.t, 0, "was taken back at")
	m.kplb("status", "--inventory", labInventory).want(m.t, 0)
}

// leftOut goes on without a node while the others are a majority, and the
// node converges afterwards.
func (m *machines) leftOut() {
	m.t.Helper()
	file := filepath.Join(m.t.TempDir(), "inventory.yaml")
	text, err := os.ReadFile(filepath.Join(root(m.t), labInventory))
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, "haproxy: {maxConn: 6000}\n"...), 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.lab("cut", "2")
	m.kplb("apply", "--inventory", file, "--yes", "--connect-timeout", "3s").want(m.t, 3, "kubernetes-node-2 (10.1.1.2:22): is not reachable")
	m.kplb("apply", "--inventory", file, "--yes", "--connect-timeout", "3s", "--allow-unreachable").want(m.t, 0, "kubernetes-node-2: left out")
	m.lab("cut", "3")
	m.kplb("apply", "--inventory", labInventory, "--yes", "--connect-timeout", "3s", "--allow-unreachable").want(m.t, 3,
		"only 1 of 3 nodes can be reached, and 2 are needed")
	m.lab("mend", "2")
	m.lab("mend", "3")
	m.settle(settleTime)
	m.kplb("apply", "--inventory", file, "--yes").want(m.t, 0, "kubernetes-node-1: nothing to do")
	m.kplb("diff", "--inventory", file).want(m.t, 0)
}

// anotherVRID changes what VRRP speakers must agree on, there and back: at no
// time two of them hold the VIP.
func (m *machines) anotherVRID() {
	m.t.Helper()
	m.settle(settleTime)
	end, most := make(chan struct{}), make(chan int)
	go func() {
		seen := 0
		for {
			seen = max(seen, len(lab.Lab{Name: m.name}.Holders(vip)))
			select {
			case <-end:
				most <- seen
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	for _, inventory := range []string{rewrite(m.t, m.t.TempDir(), "vrrp: {virtualRouterID: 77}"), labInventory} {
		m.kplb("apply", "--inventory", inventory, "--yes").want(m.t, 0, "keepalived: stops, and starts when the VIP's holder has changed", "keepalived: restarts")
	}
	close(end)
	if n := <-most; n != 1 {
		m.t.Errorf("%d nodes held the VIP at once", n)
	}
	m.settle(settleTime)
}
