//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	metricsInventory = "examples/metrics.yaml"
	textfileDir      = "/var/lib/prometheus/node-exporter"
	textfile         = textfileDir + "/kplb.prom"
)

// metricsBlock is what the example has for Prometheus, and nothing else.
var metricsBlock = regexp.MustCompile(`(?m)^metrics:\n(  .*\n)+`)

// TestMetrics has Prometheus' two places on nodes: a port of HAProxy, and a
// file that follows what keepalived and kplb do. ufw is active there; node 3 has
// no node_exporter.
func TestMetrics(t *testing.T) {
	onlyInAll(t)
	t.Parallel()
	m := boot(t, "e2e-metrics", "--ufw")
	for _, n := range []string{"1", "2"} {
		m.on(n, "mkdir -p "+textfileDir)
	}
	before := m.traces()
	without := filepath.Join(t.TempDir(), "without.yaml")
	text := metricsBlock.ReplaceAllString(m.example(filepath.Join(root(t), metricsInventory)), "")
	if err := os.WriteFile(without, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.kplb("apply", "-i", without, "--yes").want(t, 0)
	holder := m.settle(settleTime)
	bare := m.traces()

	m.kplb("apply", "-i", metricsInventory, "--yes", "--wait", "--confirm-timeout", "10s").want(t, 3, "not confirmed", "kplb-metrics.timer: starts")
	m.sameTraces("the change was taken back", bare)
	m.kplb("apply", "-i", metricsInventory, "--yes").want(t, 0, "keepalived: reloads",
		"kubernetes-node-3: "+textfileDir+" is not a directory", "ok  kubernetes-node-1: haproxy has /metrics on 10.1.1.1:8406: listens")
	if now := m.settle(settleTime); now != holder {
		t.Errorf("the VIP has moved from node %s to node %s", holder, now)
	}
	m.kplb("diff", "-i", metricsInventory).want(t, 0)

	t.Run("HAProxy's port", func(t *testing.T) { m.in(t).scraped() })
	t.Run("failover", func(t *testing.T) { m.in(t).seenMoving() })
	t.Run("drift", func(t *testing.T) { m.in(t).seenDrifting() })
	t.Run("promtool", func(t *testing.T) { m.in(t).checkedByPromtool() })

	m.kplb("remove", "-i", metricsInventory, "--yes").want(t, 0, "kplb-metrics.timer: stops, and its output is removed")
	m.sameTraces("kplb was removed", before)
}

// traces is all of metrics' that a node may have, and what is open in ufw.
func (m *machines) traces() map[string]string {
	m.t.Helper()
	out := map[string]string{}
	for _, n := range nodes {
		out[n] = m.on(n, `
			ls -dA /etc/keepalived/* /etc/systemd/system/*kplb* /etc/systemd/system/timers.target.d/* `+textfileDir+` `+textfileDir+`/.[!.]* `+textfileDir+`/* /run/kplb/metrics /var/lib/kplb/textfile 2>/dev/null
			systemctl show --property=Id,LoadState,ActiveState,SubState kplb-metrics.timer kplb-metrics.service
			systemctl list-units --all --no-legend --plain 'kplb-metrics*'
			grep '^### tuple' /etc/ufw/user.rules
			ss -Hltn 'sport = :8406'; true`)
	}
	return out
}

func (m *machines) sameTraces(when string, before map[string]string) {
	m.t.Helper()
	for n, was := range before {
		// a directory in /run that the next boot takes along
		now := strings.Replace(m.traces()[n], "/run/kplb/metrics\n", "", 1)
		if was = strings.Replace(was, "/run/kplb/metrics\n", "", 1); now != was {
			m.t.Errorf("%s, and node %s is not what it was\nbefore:\n%s\nnow:\n%s", when, n, was, now)
		}
	}
}

// value is that of one sample of the node's kplb.prom; empty where it is not
// there.
func (m *machines) value(node, sample string) string {
	m.t.Helper()
	for line := range strings.Lines(m.on(node, "cat "+textfile+" 2>/dev/null || true")) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), sample+" "); ok {
			return value
		}
	}
	return ""
}

// awaitValue waits until a sample has a value.
func (m *machines) awaitValue(node, sample, want string, patience time.Duration) {
	m.t.Helper()
	begin := time.Now()
	for ; time.Since(begin) < patience; time.Sleep(100 * time.Millisecond) {
		if m.value(node, sample) == want {
			m.t.Logf("node %s: %s %s after %s", node, sample, want, time.Since(begin).Round(100*time.Millisecond))
			return
		}
	}
	m.t.Errorf("node %s: %s is %q after %s, not %s", node, sample, m.value(node, sample), patience, want)
}

func vrrp(metric, state string) string {
	return "kplb_vrrp_" + metric + `{kplb_cluster="home",vrrp_instance="KPLB",state="` + state + `"}`
}

// scraped asks the nodes' addresses as Prometheus does, from where it may ask
// and from where it may not.
func (m *machines) scraped() {
	m.t.Helper()
	for _, n := range nodes {
		said := m.lab("exec", "operator", "curl", "--silent", "--fail", "--max-time", "5", "http://10.1.1."+n+":8406/metrics")
		if want := "\nhaproxy_backend_active_servers{proxy=\"kube-apiserver\"} 3\n"; !strings.Contains(said, want) {
			m.t.Errorf("node %s says nothing of %q in %d bytes", n, want, len(said))
		}
	}
	if out, err := m.tryLab("exec", "operator", "curl", "--silent", "--fail", "--max-time", "5", "http://10.1.1.1:8406/stats"); err == nil {
		m.t.Errorf("the port for Prometheus has more: %s", out)
	}
	if out, err := m.tryLab("exec", "2", "curl", "--silent", "--fail", "--max-time", "5", "http://10.1.1.1:8406/metrics"); err == nil {
		m.t.Errorf("node 2 may ask: %s", out)
	}
	// not through ufw alone
	m.on("1", "ufw allow proto tcp from 10.1.1.2 to 10.1.1.1 port 8406 >/dev/null")
	if out, err := m.tryLab("exec", "2", "curl", "--silent", "--fail", "--max-time", "5", "http://10.1.1.1:8406/metrics"); err == nil {
		m.t.Errorf("HAProxy lets node 2 ask: %s", out)
	}
	m.on("1", "ufw delete allow proto tcp from 10.1.1.2 to 10.1.1.1 port 8406 >/dev/null")
}

// seenMoving has the VIP go from node 1 to node 2 and back, by what HAProxy
// does; node 3, which nobody hears of, stays out of it.
func (m *machines) seenMoving() {
	m.t.Helper()
	const holds = `kplb_vip_holder{kplb_cluster="home",vip="` + vip + `"}`
	m.on("3", "systemctl stop haproxy")
	defer m.on("3", "systemctl start haproxy")
	from, to := m.settle(settleTime), "2"
	if from == "2" {
		to = "1"
	}
	m.awaitValue(from, vrrp("state", "master"), "1", 5*time.Second) // taken from the VIP: keepalived has not said it
	m.awaitValue(from, holds, "1", 5*time.Second)
	m.awaitValue(to, vrrp("state", "backup"), "1", 5*time.Second)
	was := m.value(to, vrrp("transitions_total", "master"))

	m.on(from, "systemctl stop haproxy")
	m.awaitValue(to, vrrp("state", "master"), "1", 5*time.Second)
	m.awaitValue(to, holds, "1", time.Second)
	m.awaitValue(from, vrrp("state", "fault"), "1", time.Second)
	m.awaitValue(from, holds, "0", time.Second)
	if now := m.value(to, vrrp("transitions_total", "master")); was == "" || now == was {
		m.t.Errorf("node %s had become MASTER %q times, and now %q times", to, was, now)
	}
	m.on(from, "systemctl start haproxy")
	m.awaitValue(from, vrrp("state", "backup"), "1", 5*time.Second)

	// a keepalived that is killed says nothing, and says what it is when it is back
	m.on(to, "systemctl kill --signal=KILL keepalived")
	m.awaitValue(from, vrrp("state", "master"), "1", 10*time.Second)
	m.awaitValue(to, vrrp("state", "backup"), "1", 10*time.Second)
	m.on(to, "systemctl stop keepalived")
	m.awaitValue(to, vrrp("state", "stop"), "1", 5*time.Second)
	m.on(to, "systemctl start keepalived")
	m.awaitValue(to, vrrp("state", "backup"), "1", 5*time.Second)
	m.settle(settleTime)
}

// seenDrifting edits a file by hand: nobody but the timer looks at that.
func (m *machines) seenDrifting() {
	m.t.Helper()
	const drift, pending = `kplb_drift_files{kplb_cluster="home"}`, `kplb_pending_change{kplb_cluster="home"}`
	m.awaitValue("1", drift, "0", time.Second)
	m.on("1", "echo '# a hand' >>/etc/haproxy/haproxy.cfg")
	m.awaitValue("1", drift, "1", 35*time.Second)
	m.awaitValue("2", drift, "0", time.Second)
	done := make(chan result, 1)
	go func() { done <- m.kplb("apply", "-i", metricsInventory, "--yes", "--overwrite-drift", "--wait") }()
	m.awaitWaiting("1")
	m.on("1", "systemctl start kplb-metrics.service")
	m.awaitValue("1", pending, "1", time.Second)
	m.kplb("confirm", "-i", metricsInventory).want(m.t, 0)
	(<-done).want(m.t, 0)
	m.on("1", "systemctl start kplb-metrics.service")
	m.awaitValue("1", drift, "0", time.Second)
	m.awaitValue("1", pending, "0", time.Second)
	m.awaitValue("1", `kplb_generation_info{kplb_cluster="home",generation="3"}`, "1", time.Second)
	if m.value("1", `kplb_apiserver_certificate_expiry_timestamp_seconds{kplb_cluster="home"}`) == "" {
		m.t.Error("nothing is known of the certificate")
	}
}

// checkedByPromtool has the file read as node_exporter does, where `make
// checkers` has fetched promtool.
func (m *machines) checkedByPromtool() {
	m.t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		m.t.Fatal(err)
	}
	promtool, err := exec.LookPath(filepath.Join(home, ".cache/kplb/tools/promtool"))
	if err != nil {
		m.t.Skip("promtool is not installed; make checkers fetches it")
	}
	cmd := exec.CommandContext(m.t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(m.on("1", "cat "+textfile))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		m.t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
