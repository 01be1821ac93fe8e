//go:build e2e

package e2e

import (
	"fmt"

	"os/exec"
	"strings"
	"testing"
	"time"
)

// liar stands in for an apiserver with a certificate for the VIP that the
// cluster's CA has not signed. It listens on an address of its own choice, even
// beside HAProxy.
const liar = `cd /root && [ -e liar.crt ] || openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=kube-apiserver \
	-addext subjectAltName=DNS:kubernetes,IP:10.1.233.1 -keyout liar.key -out liar.crt 2>/dev/null
printf -- '- --%s\n' bind-address=ADDRESS secure-port=PORT permit-port-sharing=true tls-cert-file=/root/liar.crt tls-private-key-file=/root/liar.key >liar.yaml
systemd-run --quiet --collect --unit=liar /usr/local/bin/kube-apiserver --manifest /root/liar.yaml --etcd /root/no-etcd && sleep 1`

// TestVerifyLies has a stub answer on the VIP, for everybody now and then, and
// for one node always, and a second machine have both VIPs: verify tells, and
// names the hint.
func TestVerifyLies(t *testing.T) {
	onlyInAll(t)
	t.Parallel()
	m := boot(t, "e2e-lies")
	file := m.dual(`[10.1.233.1, "fd10:1::100"]`, "bind-address")
	m.kplb("apply", "-i", file, "--yes").want(t, 0)
	holder := m.together()
	m.kplb("verify", "-i", file, "--wait", "30s", "--idle", "5s").want(t, 0, "kplb: cluster: holding idle connections for 5s",
		"ok  this machine reaches every apiserver and every VIP: 10.1.1.1:6443, ", "ok  kubernetes-node-3: reaches every VIP: 10.1.233.1:6443, [fd10:1::100]:6443: /healthz, /livez, /readyz ok, TLS verified",
		"ok  kubernetes-node-"+holder+": nobody but the holder answers neighbour discovery for fd10:1::100: it is the holder",
		"ok  one keepalived is MASTER of VRRP instance KPLB: kubernetes-node-"+holder+": MASTER; ", "ok  every apiserver is behind [fd10:1::100]:6443",
		"ok  an idle connection to 10.1.233.1:6443 survives 5s: it still works", "ok  a silent watch through [fd10:1::100]:6443 survives 5s: it still works",
		"sysctls are as rendered: net.ipv4.ip_nonlocal_bind = 1, net.ipv6.ip_nonlocal_bind = 1", "services are active, and start at boot: haproxy, keepalived")

	t.Run("a stub beside HAProxy", func(t *testing.T) { m.in(t).stubBeside(file, holder) })
	t.Run("a stub for one node", func(t *testing.T) { m.in(t).stubFor(file, without(holder)[0]) })
	t.Run("a second machine", func(t *testing.T) { m.in(t).secondMachine(file) })
	m.kplb("verify", "-i", file, "--wait", "30s", "-o", "json").want(t, 0, `"ok": true`)
}

const foreign = "the certificate is not from the cluster's CA: something else answers on 10.1.233.1:6443"

func (m *machines) stubBeside(file, holder string) {
	m.t.Helper()
	m.on(holder, strings.NewReplacer("ADDRESS", vip, "PORT", "6443").Replace(liar))
	defer m.on(holder, "systemctl stop liar")
	m.kplb("verify", "-i", file).want(m.t, 1, "NO  every apiserver is behind 10.1.233.1:6443: ", " connections failed: "+foreign,
		"    hint: check what else listens on 10.1.233.1:6443 on its holder", "kplb: not proven: ")
}

func (m *machines) stubFor(file, node string) {
	m.t.Helper()
	m.on(node, strings.NewReplacer("ADDRESS", "::", "PORT", "7777").Replace(liar)+
		` && nft add table ip liar && nft 'add chain ip liar out { type nat hook output priority -100; }' && nft add rule ip liar out ip daddr 10.1.233.1 tcp dport 6443 redirect to :7777`)
	defer m.on(node, "systemctl stop liar; nft delete table ip liar")
	r := m.kplb("verify", "-i", file, "-o", "json").want(m.t, 1, `"node": "kubernetes-node-`+node+`",
      "check": "reaches 10.1.233.1:6443",
      "ok": false,
      "detail": "/healthz: `+foreign+`",
      "cure": "find it: `)
	if strings.Count(r.stdout, `"ok": false`) != 2 { // and that of the whole
		m.t.Errorf("more than one no:\n%s", r.stdout)
	}
}

// secondMachine is on the same network and has both VIPs.
func (m *machines) secondMachine(file string) {
	m.t.Helper()
	const mac = "02:00:00:00:00:ff"
	ns, operator := m.name+"-stranger", m.name+"-operator"
	steps := [][]string{
		{"netns", "add", ns},
		{"-n", operator, "link", "add", "port-x", "type", "veth", "peer", "name", "eth0", "address", mac, "netns", ns},
		{"-n", operator, "link", "set", "port-x", "master", "bridge", "up"},
		{"-n", ns, "link", "set", "eth0", "up"},
		{"-n", ns, "address", "add", vip + "/32", "dev", "eth0"},
		{"-n", ns, "address", "add", "10.1.0.77/16", "dev", "eth0"},
		{"-n", ns, "address", "add", vip6 + "/128", "dev", "eth0", "nodad"},
	}
	defer exec.Command("ip", "netns", "delete", ns).Run() //nolint:errcheck // it may not be there
	for _, args := range steps {
		if out, err := exec.CommandContext(m.t.Context(), "ip", args...).CombinedOutput(); err != nil {
			m.t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	time.Sleep(2 * time.Second) // its link-local address
	r := m.kplb("verify", "-i", file)
	for _, n := range nodes {
		for _, asked := range []string{"ARP for " + vip, "neighbour discovery for " + vip6} {
			r.want(m.t, 1, fmt.Sprintf("NO  kubernetes-node-%s: nobody but the holder answers %s: %s answers, which is no node of the inventory", n, asked, mac))
		}
	}
	m.kplb("doctor", "-i", file).want(m.t, 1, "nobody else answers neighbour discovery for fd10:1::100: fd10:1::100 is answered by "+mac)
	if out, err := exec.CommandContext(m.t.Context(), "ip", "netns", "delete", ns).CombinedOutput(); err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
}
