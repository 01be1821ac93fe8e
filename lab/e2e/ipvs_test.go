//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ipvsTime is how long the VIP may take to come to rest where the kernel is
// emulated.
const ipvsTime = 60 * time.Second

// leastPatience is that of settle.
var leastPatience time.Duration

func init() {
	if os.Getenv("IPVS") != "" {
		leastPatience = ipvsTime
	}
}

// TestIPVS applies examples/ipvs.yaml, has every node and a client outside meet
// every apiserver, breaks what can break, and goes to redirect and back.
func TestIPVS(t *testing.T) {
	if os.Getenv("IPVS") == "" {
		t.Skip("needs a kernel with ip_vs: make ipvs")
	}
	m := boot(t, "e2e-ipvs")
	m.env = []string{"KPLB_CONNECT_TIMEOUT=60s"} // it may be emulated, on a busy machine
	example := m.slow(filepath.Join(root(t), "examples", "ipvs.yaml"))
	m.kplb("apply", "-i", example, "--yes").want(t, 0, "ok  /healthz on "+vip, "keepalived sees its servers: 3 of 3 up")
	m.kplb("verify", "-i", example).want(t, 0, "nftables marks "+vip+":6443 for the kernel")
	m.kplb("diff", "-i", example).want(t, 0)
	t.Logf("status:\n%s", m.kplb("status", "-i", example).want(t, 0, "servers as keepalived on", "SSL_GET ok").stdout)
	m.metByAll("applied", nodes...)
	t.Run("apiserver stopped", func(t *testing.T) {
		m.in(t).withoutServer("is stopped", "systemctl stop kube-apiserver-standin", "systemctl start kube-apiserver-standin")
	})
	t.Run("not ready", func(t *testing.T) { // it answers /readyz with 500, and everything else
		m.in(t).withoutServer("is not ready", "touch /run/kplb-standin-not-ready", "rm /run/kplb-standin-not-ready")
	})
	t.Run("link cut", func(t *testing.T) { m.in(t).linkCut() })
	t.Run("keepalived killed", func(t *testing.T) { m.in(t).keepalivedKilled() })
	t.Run("table flushed", func(t *testing.T) { m.in(t).tableFlushed() })
	m.kplb("remove", "-i", example, "--yes").want(t, 0)
}

// TestIPVSWays goes to and from each of the others by an apply.
func TestIPVSWays(t *testing.T) {
	if os.Getenv("IPVS") == "" {
		t.Skip("needs a kernel with ip_vs: make ipvs")
	}
	m := boot(t, "e2e-ipvs-ways")
	m.env = []string{"KPLB_CONNECT_TIMEOUT=60s"}
	for _, exposure := range strings.Fields("shared-port ipvs redirect ipvs port ipvs bind-address ipvs shared-port") {
		m.expose(exposure)
	}
}

// TestIPVSBack goes to and from ipvs by the nodes themselves, for nobody
// confirms, and away.
func TestIPVSBack(t *testing.T) {
	if os.Getenv("IPVS") == "" {
		t.Skip("needs a kernel with ip_vs: make ipvs")
	}
	m := boot(t, "e2e-ipvs-back")
	m.env = []string{"KPLB_CONNECT_TIMEOUT=60s"}
	before := m.kernels()
	m.nobodyConfirms("redirect", "ipvs")
	m.nobodyConfirms("ipvs", "redirect")
	m.nobodyConfirms("bind-address", "ipvs")
	m.nobodyConfirms("ipvs", "bind-address")
	m.kplb("remove", "-i", m.exposed("ipvs"), "--yes").want(t, 0)
	for n, was := range before {
		if now := m.kernels()[n]; now != was {
			t.Errorf("node %s is not what it was before kplb\nbefore:\n%s\nnow:\n%s", n, was, now)
		}
	}
}

// slow is an inventory of the profile for small boards: where the kernel is
// emulated, kplb-check may take a second.
func (m *machines) slow(file string) string {
	m.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	out := filepath.Join(m.t.TempDir(), "slow-"+filepath.Base(file))
	if err := os.WriteFile(out, append(text, "profile: pi\n"...), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return out
}

// hasIPVS says whether the nodes' kernel can.
func (m *machines) hasIPVS() bool {
	m.t.Helper()
	return m.on("1", "{ [ -e /proc/net/ip_vs ] || modprobe -n -q ip_vs; } && echo yes; true") == "yes\n"
}

// kernels are the contents of the nodes, and what ipvs sets in their kernels.
func (m *machines) kernels() map[string]string {
	m.t.Helper()
	out := m.contents()
	for _, n := range nodes {
		out[n] += m.on(n, `cat /proc/sys/net/ipv4/ip_forward; nft list ruleset
			[ ! -e /proc/sys/net/ipv4/vs/conntrack ] || cat /proc/sys/net/ipv4/vs/conntrack /proc/sys/net/ipv4/vs/expire_nodest_conn
			sed -n '4,$p' /proc/net/ip_vs 2>/dev/null; ls /etc/systemd/system/*.wants /etc/modules-load.d; true`)
	}
	return out
}

// met makes new connections to the VIP, one after the other, from the operator
// or a node, and counts which apiserver has answered; the stand-ins say so.
func (m *machines) met(from string, tries int) map[string]int {
	m.t.Helper()
	ca := "/etc/kubernetes/pki/ca.crt"
	if from == "operator" {
		ca = m.state("ca.crt")
	}
	out := m.lab("exec", from, "sh", "-c", fmt.Sprintf(`for i in $(seq %d); do
		curl --silent --output /dev/null --max-time 4 --cacert %s --write-out '%%header{x-standin-node}\n' https://%s:6443/healthz
	done; true`, tries, ca, vip))
	counts := map[string]int{}
	for line := range strings.Lines(out) {
		counts[strings.TrimPrefix(strings.TrimSpace(line), "10.1.1.")]++
	}
	return counts
}

// metByAll wants every one of 12 connections, from outside and from each node,
// to be answered, and by these apiservers in turn.
func (m *machines) metByAll(when string, by ...string) {
	m.t.Helper()
	holder := m.settle(ipvsTime)
	for _, from := range append([]string{"operator"}, nodes...) {
		counts := m.met(from, 12)
		m.t.Logf("%s, node %s holds the VIP: 12 from %s: %v", when, holder, from, counts)
		for name, n := range counts {
			if !slices.Contains(by, name) {
				m.t.Errorf("%s: %d of 12 from %s were answered by %q", when, n, from, name)
			}
		}
		for _, name := range by {
			if counts[name] == 0 {
				m.t.Errorf("%s: none from %s was answered by %s", when, from, name)
			}
		}
	}
}

// others are the nodes but one.
func others(node string) []string {
	return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == node })
}

// takenOut waits until the holder's kernel has so many real servers.
func (m *machines) realServers(holder string, want int) time.Duration {
	m.t.Helper()
	began := time.Now()
	for time.Since(began) < ipvsTime {
		if strings.TrimSpace(m.on(holder, "sed -n '/^FWM  0000006B/,$p' /proc/net/ip_vs | grep -c '^  ->'; true")) == strconv.Itoa(want) {
			return time.Since(began)
		}
	}
	m.t.Fatalf("node %s has not %d real servers after %s:\n%s", holder, want, ipvsTime, m.on(holder, "cat /proc/net/ip_vs"))
	return 0
}

// withoutServer has an apiserver out of service, another node's than the holder's and
// then its own: the kernel sends nobody there, and everybody again when it is back.
func (m *machines) withoutServer(how, breaks, mends string) {
	m.t.Helper()
	for _, whose := range []string{"another", "its own"} {
		holder := m.settle(ipvsTime)
		victim := others(holder)[0]
		if whose == "its own" {
			victim = holder
		}
		m.on(victim, breaks)
		m.t.Logf("%s %s: taken out after %.1f s", whose, how, m.realServers(holder, 2).Seconds())
		m.metByAll(whose+" "+how, others(victim)...)
		m.on(victim, mends)
		m.t.Logf("%s is back: taken in after %.1f s", whose, m.realServers(holder, 3).Seconds())
		m.metByAll(whose+" is back", nodes...)
	}
}

func (m *machines) linkCut() {
	m.t.Helper()
	holder := m.settle(ipvsTime)
	m.lab("cut", holder)
	now := m.settle(ipvsTime)
	if now == holder {
		m.t.Errorf("node %s has no link, and still holds the VIP", holder)
	}
	m.t.Logf("the link of node %s cut: node %s has the VIP", holder, now)
	m.realServers(now, 2)
	counts := m.met("operator", 12)
	m.t.Logf("12 from the operator: %v", counts)
	if counts[holder] > 0 || counts[""] > 0 {
		m.t.Errorf("without node %s: %v", holder, counts)
	}
	m.lab("mend", holder)
	m.realServers(m.settle(ipvsTime), 3)
	m.metByAll("the link is back", nodes...)
}

func (m *machines) keepalivedKilled() {
	m.t.Helper()
	holder := m.settle(ipvsTime)
	m.on(holder, "systemctl kill --signal=KILL keepalived")
	now := m.settle(ipvsTime)
	m.t.Logf("keepalived of node %s killed: node %s has the VIP", holder, now)
	m.realServers(now, 3)
	m.metByAll("keepalived was killed", nodes...)
}

// tableFlushed has the holder give the VIP up: its own apiserver would answer
// for all.
func (m *machines) tableFlushed() {
	m.t.Helper()
	holder := m.settle(ipvsTime)
	m.on(holder, "nft flush ruleset")
	began := time.Now()
	for slices.Contains(m.holders(), holder) {
		if time.Since(began) > ipvsTime {
			m.t.Fatalf("node %s marks nothing, and still holds the VIP", holder)
		}
	}
	m.t.Logf("the ruleset of node %s flushed: it gives the VIP up after %.1f s", holder, time.Since(began).Seconds())
	m.metByAll("a ruleset is flushed", nodes...)
	m.on(holder, "systemctl restart kplb-ipvs")
}
