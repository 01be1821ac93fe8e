//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	lab "github.com/kplb/kplb/lab/machines"
)

// TestExposures goes from every exposure to every other one, an apply each, and
// looks at the VIP from outside and from every node after it.
func TestExposures(t *testing.T) {
	if os.Getenv("EXPOSURES") != "all" {
		t.Skip("takes ten minutes: make exposures")
	}
	t.Parallel()
	m := boot(t, "e2e-exposures")
	before := m.contents()
	// every way from one to another, once; those of ipvs: TestIPVSWays
	tour := strings.Fields("redirect port redirect shared-port redirect bind-address redirect " +
		"port shared-port port bind-address port shared-port bind-address shared-port")
	for _, exposure := range tour {
		m.expose(exposure)
	}
	m.nobodyConfirms("bind-address", "redirect")
	m.nobodyConfirms("redirect", "bind-address")
	m.expose("shared-port")
	m.kplb("remove", "-i", m.exposed("shared-port"), "--yes").want(t, 0)
	for n, was := range before {
		if now := m.contents()[n]; now != was {
			t.Errorf("node %s is not what it was before kplb\nbefore:\n%s\nnow:\n%s", n, was, now)
		}
	}
}

// TestExposuresOfKubeadm does so with real apiservers, where it takes longer,
// with a worker, and breaks the holder each time.
func TestExposuresOfKubeadm(t *testing.T) {
	onlyInAll(t)
	t.Parallel()
	m := boot(t, "e2e-entrances", "--kubernetes", "--workers", "1")
	for _, exposure := range []string{"redirect", "shared-port", "port", "bind-address"} {
		m.expose(exposure, worker)
		m.entrance(exposure).breakHolder(exposure)
	}
}

// exposed writes an inventory with this exposure.
func (m *machines) exposed(exposure string) string {
	m.t.Helper()
	file := filepath.Join(m.t.TempDir(), exposure+".yaml")
	var text strings.Builder
	fmt.Fprintf(&text, "apiVersion: kplb/v1alpha1\nkind: Cluster\nname: lab\nvip: %s\nexposure: %s\nssh: {user: pi}\nnodes:\n", vip, exposure)
	for _, n := range nodes {
		fmt.Fprintf(&text, "  - {name: kubernetes-node-%s, address: 10.1.1.%s}\n", n, n)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		m.t.Fatal(err)
	}
	if os.Getenv("IPVS") != "" {
		return m.slow(file)
	}
	return file
}

// entrance looks at the port that clients use.
func (m *machines) entrance(exposure string) *machines {
	in := m.in(m.t)
	in.port = "6443"
	if exposure == "port" {
		in.port = "8443"
	}
	return in
}

// expose switches to an exposure, and counts what clients of both entrances
// that stay notice of it.
func (m *machines) expose(exposure string, more ...string) {
	m.t.Helper()
	inventory := m.exposed(exposure)
	in := m.entrance(exposure)
	began := time.Now()
	var load *lab.Clients
	if in.isEntrance() {
		var err error
		if load, err = (lab.Lab{Name: m.name, Root: root(m.t)}).Load(vip+":"+in.port, 2, 4); err != nil {
			m.t.Fatal(err)
		}
	}
	m.kplb("apply", "-i", inventory, "--yes").want(m.t, 0, "ok  /healthz on "+vip+":"+in.port+": ok, TLS verified", balancer(exposure)+" sees its servers: 3 of 3 up")
	took := time.Since(began)
	if load != nil {
		load.Stop()
		m.t.Logf("%s after %.0f s: %d of %d new connections failed, %d of 4 held ones broke (%v)", exposure, took.Seconds(),
			load.Failed.Load(), load.Made.Load(), load.Broken.Load(), load.First.Load())
	} else {
		m.t.Logf("%s after %.0f s", exposure, took.Seconds())
	}
	m.kplb("diff", "-i", inventory).want(m.t, 0)
	for _, n := range append(nodes, more...) {
		for range 3 {
			if out := m.on(n, "curl --silent --show-error --max-time 3 --cacert /etc/kubernetes/pki/ca.crt https://"+vip+":"+in.port+"/healthz 2>&1; true"); out != "ok" {
				m.t.Errorf("%s: from node %s through the VIP: %q", exposure, n, out)
			}
		}
	}
	in.throughBalancer(exposure)
	m.listensFor(exposure)
}

// balancer is who looks after the apiservers.
func balancer(exposure string) string {
	if exposure == "ipvs" {
		return "keepalived"
	}
	return "haproxy"
}

// isEntrance says whether HAProxy answers there already: an apiserver on every
// address does so on the VIP, too, and nobody was to use that.
func (m *machines) isEntrance() bool {
	m.t.Helper()
	return m.on("1", `grep -qs "bind `+vip+":"+m.port+`$" /etc/haproxy/haproxy.cfg && echo yes
		[ `+m.port+` = 6443 ] && nft list table ip kplb >/dev/null 2>&1 && echo yes; true`) != ""
}

// throughBalancer wants what goes through the VIP to go through the holder's
// HAProxy, or its kernel's virtual server, by its own count: an apiserver on
// every address answers there, too.
func (m *machines) throughBalancer(exposure string) {
	m.t.Helper()
	holder := m.settle(settleTime)
	counts := `curl --silent 'http://127.0.0.1:8404/stats;csv' | grep ^kube-apiserver-in,FRONTEND | cut -d, -f8`
	if exposure == "ipvs" {
		counts = `sed -n '3s/^ *\([0-9A-F]*\) .*/\1/p' /proc/net/ip_vs_stats`
	}
	count := func() string { return strings.TrimSpace(m.on(holder, counts)) }
	before := count()
	for range 5 {
		if !m.answers() {
			m.t.Errorf("%s: the VIP does not answer", exposure)
		}
	}
	if after := count(); after == before || after == "" {
		m.t.Errorf("%s: %s of node %s counts %q sessions before and %q after", exposure, balancer(exposure), holder, before, after)
	}
}

// listensFor asks ss and the manifest what has become of the apiserver.
func (m *machines) listensFor(exposure string) {
	m.t.Helper()
	for _, n := range nodes {
		wide := strings.Contains(m.on(n, "ss -Hltnp 'sport = :6443' | grep kube-apiserver"), "*:6443")
		manifest := m.on(n, "cat /etc/kubernetes/manifests/kube-apiserver.yaml")
		if wide == (exposure == "bind-address") {
			m.t.Errorf("%s: node %s: the apiserver listens everywhere: %v", exposure, n, wide)
		}
		for flag, of := range map[string]string{"--bind-address=10.1.1." + n: "bind-address", "--permit-port-sharing=true": "shared-port"} {
			if strings.Contains(manifest, flag) != (exposure == of) {
				m.t.Errorf("%s: node %s: manifest with %s: %v", exposure, n, flag, exposure != of)
			}
		}
		table := m.on(n, "nft list table ip kplb 2>&1; true")
		for words, of := range map[string]string{"dnat to " + vip + ":8443": "redirect", "meta mark set 0x0000006b": "ipvs"} {
			if strings.Contains(table, words) != (exposure == of) {
				m.t.Errorf("%s: node %s: the table of nftables has %q: %v", exposure, n, words, exposure != of)
			}
		}
		if active := m.on(n, "systemctl is-active haproxy; true"); (active == "active\n") == (exposure == "ipvs") {
			m.t.Errorf("%s: node %s: haproxy is %s", exposure, n, active)
		}
	}
}

// nobodyConfirms has a switch taken back by the nodes themselves.
func (m *machines) nobodyConfirms(from, to string) {
	m.t.Helper()
	m.expose(from)
	m.kplb("apply", "-i", m.exposed(to), "--yes", "--wait", "--confirm-timeout", "10s").want(m.t, 3, "taken back")
	m.kplb("verify", "-i", m.exposed(from), "--wait", "2m").want(m.t, 0)
	m.kplb("diff", "-i", m.exposed(from)).want(m.t, 0)
	m.entrance(from).throughBalancer(from)
	m.listensFor(from)
}

// breakHolder moves the VIP by hand of fate, and wants it to be the entrance
// still.
func (m *machines) breakHolder(exposure string) {
	m.t.Helper()
	holder := m.settle(settleTime)
	m.lab("cut", holder)
	if now := m.settle(settleTime); now == holder {
		m.t.Errorf("%s: node %s has no link, and still holds the VIP", exposure, holder)
	}
	m.lab("mend", holder)
	m.settle(settleTime)
	m.throughBalancer(exposure)
}
