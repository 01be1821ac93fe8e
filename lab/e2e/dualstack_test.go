//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const vip6 = "fd10:1::100"

// TestDualStack has an IPv4 and an IPv6 VIP that move together, asked from
// outside and from every node, and goes back to one VIP, and to none.
func TestDualStack(t *testing.T) {
	onlyInAll(t)
	t.Parallel()
	m := boot(t, "e2e-dual")
	before := m.dualContents()
	one, both := m.dual("10.1.233.1", "bind-address"), m.dual(`[10.1.233.1, "fd10:1::100"]`, "bind-address")
	m.kplb("apply", "-i", one, "--yes").want(t, 0, "ok  /healthz on 10.1.233.1:6443: ok, TLS verified")
	holder := m.settle(settleTime)

	m.kplb("apply", "-i", both, "--yes").want(t, 0, "keepalived: reloads",
		"ok  one node holds 10.1.233.1: kubernetes-node-"+holder, "ok  one node holds fd10:1::100: kubernetes-node-"+holder,
		"ok  /healthz on 10.1.233.1:6443: ok, TLS verified", "ok  /healthz on [fd10:1::100]:6443: ok, TLS verified")
	m.kplb("diff", "-i", both).want(t, 0)
	m.bothAnswer("6443")
	m.moveBoth("6443")

	for _, to := range []struct{ exposure, port string }{{"shared-port", "6443"}, {"port", "8443"}} {
		m.kplb("apply", "-i", m.dual(`[10.1.233.1, "fd10:1::100"]`, to.exposure), "--yes").want(t, 0)
		m.bothAnswer(to.port)
	}
	m.kplb("apply", "-i", m.dual(`[10.1.233.1, "fd10:1::100"]`, "redirect"), "--yes").want(t, 0)
	m.moveBoth("6443")
	m.kplb("apply", "-i", both, "--yes", "--wait", "--confirm-timeout", "10s").want(t, 3, "taken back")
	m.kplb("verify", "-i", m.dual(`[10.1.233.1, "fd10:1::100"]`, "redirect"), "--wait", "2m").want(t, 0)
	m.bothAnswer("6443")
	m.kplb("apply", "-i", m.dual("10.1.233.1", "redirect"), "--yes").want(t, 0)
	if tables := m.on("1", "nft list tables"); strings.Contains(tables, "kplb6") || !strings.Contains(tables, "table ip kplb\n") {
		t.Errorf("back to one VIP, with redirect: %s", tables)
	}

	m.kplb("apply", "-i", one, "--yes").want(t, 0)
	m.kplb("diff", "-i", one).want(t, 0)
	m.settle(settleTime)
	for _, n := range nodes {
		if left := m.on(n, "ip -o addr show to "+vip6+"; cat /proc/sys/net/ipv6/ip_nonlocal_bind"); left != "0\n" {
			t.Errorf("node %s, back to one VIP: %q", n, left)
		}
	}
	m.kplb("apply", "-i", both, "--yes").want(t, 0)
	m.kplb("remove", "-i", both, "--yes").want(t, 0, "ok  kubernetes-node-1: does not hold fd10:1::100")
	for n, was := range before {
		if now := m.dualContents()[n]; now != was {
			t.Errorf("node %s is not what it was before kplb\nbefore:\n%s\nnow:\n%s", n, was, now)
		}
	}
}

// TestActiveActive has two VIPs with a node each that has them while it is well.
func TestActiveActive(t *testing.T) {
	onlyInAll(t)
	t.Parallel()
	m := boot(t, "e2e-active")
	file := m.dual("[{address: 10.1.233.1, preferred: kubernetes-node-2}, {address: 10.1.233.2, preferred: kubernetes-node-3}]", "port")
	m.kplb("apply", "-i", m.dual("10.1.233.1", "port"), "--yes").want(t, 0)
	m.kplb("apply", "-i", file, "--yes").want(t, 0, "ok  one node holds 10.1.233.1", "ok  one node holds 10.1.233.2")
	m.holds("10.1.233.1", "2")
	m.holds("10.1.233.2", "3")
	m.on("3", "systemctl stop haproxy")
	m.holds("10.1.233.1", "2")
	if now := m.holderOf("10.1.233.2"); now == "3" {
		t.Error("node 3 has no haproxy, and holds a VIP")
	}
	m.on("3", "systemctl start haproxy")
	m.holds("10.1.233.2", "3")
	m.kplb("apply", "-i", m.dual("[10.1.233.1, 10.1.233.2]", "port"), "--yes").want(t, 0, "stops, and starts when the VIP's holder has changed", "ok  one node holds 10.1.233.2")
	m.kplb("remove", "-i", file, "--yes").want(t, 0)
}

// dual writes an inventory with these VIPs.
func (m *machines) dual(vips, exposure string) string {
	m.t.Helper()
	var text strings.Builder
	text.WriteString("apiVersion: kplb/v1alpha1\nkind: Cluster\nname: lab\nvip: " + vips + "\nexposure: " + exposure + "\nssh: {user: pi}\nnodes:\n")
	for _, n := range nodes {
		fmt.Fprintf(&text, "  - {name: kubernetes-node-%s, address: [10.1.1.%s/16, \"fd10:1::%s/64\"]}\n", n, n, n)
	}
	file := filepath.Join(m.t.TempDir(), "cluster.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// dualContents is what is on the nodes that kplb may change.
func (m *machines) dualContents() map[string]string {
	m.t.Helper()
	out := m.contents()
	for _, n := range nodes {
		out[n] += m.on(n, "cat /proc/sys/net/ipv6/ip_nonlocal_bind; ip -o addr show eth0 scope global | grep -o 'inet6\\? [^ ]*'; nft list tables 2>/dev/null | grep kplb; true")
	}
	return out
}

// bothAnswer asks both VIPs from outside and from every node, new connections,
// verified.
func (m *machines) bothAnswer(port string) {
	m.t.Helper()
	for _, host := range []string{vip, "[" + vip6 + "]"} {
		for range 3 {
			url := "https://" + host + ":" + port + "/healthz"
			if out, err := m.tryLab("exec", "operator", "curl", "-g", "--silent", "--show-error", "--max-time", "3", "--cacert", m.state("ca.crt"), url); err != nil || out != "ok" {
				m.t.Errorf("from the operator, %s: %q", url, out)
			}
			for _, n := range nodes {
				if out := m.on(n, "curl -g --silent --show-error --max-time 3 --cacert /etc/kubernetes/pki/ca.crt '"+url+"' 2>&1; true"); out != "ok" {
					m.t.Errorf("from node %s, %s: %q", n, url, out)
				}
			}
		}
	}
}

// moveBoth stops the holder's HAProxy, cuts its link, and kills its keepalived.
func (m *machines) moveBoth(port string) {
	m.t.Helper()
	for _, how := range []struct{ breaks, mends string }{
		{"systemctl stop haproxy", "systemctl start haproxy"},
		{"pkill -9 keepalived", "true"},
	} {
		holder := m.together()
		m.on(holder, how.breaks)
		if now := m.together(); now == holder {
			m.t.Errorf("after %s, node %s still holds both", how.breaks, holder)
		}
		m.bothAnswer(port)
		m.on(holder, how.mends)
	}
	holder := m.together()
	m.lab("cut", holder)
	if now := m.togetherOf(without(holder)); now == holder {
		m.t.Errorf("node %s is cut off, and still holds both", holder)
	}
	m.lab("mend", holder)
	// a link that goes takes the IPv6 addresses with it
	m.on(holder, "ip address replace fd10:1::"+holder+"/64 dev eth0 nodad")
	m.together()
	m.bothAnswer(port)
}

func without(node string) []string {
	return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == node })
}

// together waits until one node has both VIPs, for 2 s, and nobody else has one.
func (m *machines) together() string { return m.togetherOf(nodes) }

func (m *machines) togetherOf(nodes []string) string {
	m.t.Helper()
	var since time.Time
	was := ""
	for end := time.Now().Add(settleTime); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		of4, of6 := m.have(nodes, vip), m.have(nodes, vip6)
		now := of4 + " and " + of6
		if now != was || len(of4) != 1 || of4 != of6 {
			since, was = time.Now(), now
			continue
		}
		if time.Since(since) > 2*time.Second {
			return of4
		}
	}
	m.t.Fatalf("no node has both VIPs: %s", was)
	return ""
}

// have are those of the nodes that have an address now.
func (m *machines) have(nodes []string, address string) string {
	m.t.Helper()
	return strings.Join(slices.DeleteFunc(slices.Clone(nodes), func(n string) bool {
		return !strings.Contains(m.on(n, "ip -o addr show dev eth0"), address+"/")
	}), "")
}

// holderOf waits for the one holder of an address to stay for 2 s.
func (m *machines) holderOf(address string) string {
	m.t.Helper()
	var since time.Time
	was := ""
	for end := time.Now().Add(settleTime); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		now := m.have(nodes, address)
		if now != was || len(now) != 1 {
			since, was = time.Now(), now
		} else if time.Since(since) > 2*time.Second {
			return now
		}
	}
	m.t.Fatalf("%s has no single holder: %q", address, was)
	return ""
}

// holds waits for a node to have an address, and to be the only one.
func (m *machines) holds(address, node string) {
	m.t.Helper()
	now := ""
	for end := time.Now().Add(settleTime); time.Now().Before(end); {
		if now = m.holderOf(address); now == node {
			return
		}
	}
	m.t.Errorf("node %s holds %s, not node %s", now, address, node)
}
