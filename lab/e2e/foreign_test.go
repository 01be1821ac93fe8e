//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// makeForeign has every node serve an ingress on *:443 and hold a second VIP together with
// the others, by hand.
const makeForeign = `
command -v keepalived >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq haproxy keepalived >/dev/null 2>&1
mkdir -p /etc/haproxy /etc/keepalived/conf.d
printf 'global\n daemon\ndefaults\n mode tcp\n timeout connect 1s\n timeout client 9s\n timeout server 9s\nfrontend ingress-https\n bind *:443\n default_backend web\nbackend web\n server a 127.0.0.1:22\n' >/etc/haproxy/haproxy.cfg
chmod 640 /etc/haproxy/haproxy.cfg
printf '# by hand\ninclude /etc/keepalived/conf.d/*.conf\n' >/etc/keepalived/keepalived.conf
printf 'vrrp_instance ingress {\n state BACKUP\n interface eth0\n virtual_router_id 9\n priority 100\n advert_int 1\n virtual_ipaddress {\n  10.1.233.9/16\n }\n}\n' >/etc/keepalived/conf.d/ingress.conf
chmod 600 /etc/keepalived/conf.d/ingress.conf
systemctl enable --now haproxy keepalived && systemctl restart haproxy keepalived`

// byHand is what people make of the same VIP and port that kplb is for.
const byHand = `
printf 'defaults\n mode tcp\n timeout connect 1s\n timeout client 9s\n timeout server 9s\nfrontend k\n bind 10.1.233.1:7443\n' >/etc/haproxy/haproxy.cfg
printf 'vrrp_instance VI_1 {\n state BACKUP\n interface eth0\n virtual_router_id 77\n priority 100\n virtual_ipaddress {\n  10.1.233.1/16\n }\n}\n' >/etc/keepalived/keepalived.conf`

// TestForeign: nodes that serve an ingress and hold a second VIP keep both through
// apply, which is refused, and have them again, byte for byte, after apply with the flag
// and remove.
func TestForeign(t *testing.T) {
	t.Parallel()
	m := boot(t, "e2e-foreign")
	m.foreign(labInventory)
	t.Run("another haproxy on the monitor page's port", func(t *testing.T) { m.in(t).otherHAProxy() })
}

// foreign goes from what others have made by hand to kplb and back.
func (m *machines) foreign(inventory string) {
	m.t.Helper()
	for _, n := range nodes {
		m.on(n, makeForeign)
	}
	m.awaitForeign()
	before := m.contents()

	m.kplb("diff", "-i", inventory).want(m.t, 1, "-> haproxy stops listening on *:443 (frontend ingress-https)", "-> keepalived gives up 10.1.233.9", "--replace-foreign")
	m.kplb("apply", "-i", inventory, "--yes").want(m.t, 3,
		"kubernetes-node-2: haproxy stops listening on *:443 (frontend ingress-https)", "kubernetes-node-2: keepalived gives up 10.1.233.9", "--replace-foreign")
	m.contentsAre(before)
	m.awaitForeign()

	m.kplb("apply", "-i", inventory, "--yes", "--replace-foreign").want(m.t, 0)
	m.kplb("apply", "-i", inventory, "--yes").want(m.t, 0, "nothing to do")
	m.kplb("remove", "-i", inventory, "--yes").want(m.t, 0)
	m.contentsAre(before)
	m.awaitForeign()
}

// awaitForeign waits until every node listens on *:443, and one has the second VIP.
func (m *machines) awaitForeign() {
	m.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Second) {
		holders, listen := 0, 0
		for _, n := range nodes {
			said := m.on(n, "ip -o addr show dev eth0; ss -Hltn 'sport = :443'")
			holders += strings.Count(said, " 10.1.233.9/")
			if strings.Contains(said, ":443 ") {
				listen++
			}
		}
		if holders == 1 && listen == len(nodes) {
			return
		}
		if time.Now().After(end) {
			m.t.Fatalf("%d nodes have 10.1.233.9, and %d listen on *:443", holders, listen)
		}
	}
}

func (m *machines) contentsAre(want map[string]string) {
	m.t.Helper()
	for n, now := range m.contents() {
		if now != want[n] {
			m.t.Errorf("node %s is not what it was\nbefore:\n%s\nnow:\n%s", n, want[n], now)
		}
	}
}

// otherHAProxy shares 127.0.0.1:8404 with kplb's, which verify would ask by chance.
func (m *machines) otherHAProxy() {
	m.t.Helper()
	m.on("2", `printf 'defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten x\n bind 127.0.0.1:8404\n' >/run/other.cfg
		systemd-run --quiet --unit=other haproxy -Ws -f /run/other.cfg && sleep 1`)
	defer m.on("2", "systemctl stop other")
	m.kplb("apply", "-i", labInventory, "--yes", "--replace-foreign").want(m.t, 3,
		"kubernetes-node-2: port 8404, for haproxy's monitor page, is taken by haproxy outside of haproxy.service (pid ", "other.service)")
	if m.on("2", "systemctl is-active other") != "active\n" {
		m.t.Error("the other haproxy is gone")
	}
}

// TestForeignSameVIP: what was made by hand for the VIP and port of the inventory is
// replaced without a flag, and is there again after remove.
func TestForeignSameVIP(t *testing.T) {
	t.Parallel()
	m := boot(t, "e2e-by-hand")
	inventory := rewrite(t, t.TempDir(), "exposure: redirect\nhaproxy: {port: 7443}")
	for _, n := range nodes {
		m.on(n, makeForeign+byHand+" && echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind && rm -r /etc/keepalived/conf.d && systemctl restart haproxy keepalived")
	}
	before := m.contents()
	m.kplb("apply", "-i", inventory, "--yes").want(t, 0, "/etc/keepalived/keepalived.conf was not written by kplb; what it is for goes on with kplb's")
	m.kplb("remove", "-i", inventory, "--yes").want(t, 0)
	m.contentsAre(before)
	m.until(20*time.Second, "one node has the VIP by hand again", func() string {
		if holders := m.holders(); len(holders) != 1 {
			return fmt.Sprintf("holders: %v", holders)
		}
		return ""
	})
}
