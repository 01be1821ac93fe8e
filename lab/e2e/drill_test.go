//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	lab "github.com/kplb/kplb/lab/machines"
)

// TestDrill breaks everything once on real machines. Afterwards all is proven,
// and no file and no route is another one. An operator who is killed meanwhile
// leaves a node that puts itself back.
func TestDrill(t *testing.T) {
	if os.Getenv("DRILLS") != "all" {
		t.Skip("takes three minutes: make drills")
	}
	t.Parallel()
	m := boot(t, "e2e-drill")
	m.kplb("apply", "--inventory", labInventory, "--yes").want(t, 0)
	m.settle(settleTime)
	before := m.bytes()

	dir := t.TempDir()
	page, baseline := filepath.Join(dir, "drill.html"), filepath.Join(dir, "drill.json")
	if keep := os.Getenv("DRILL_PAGE"); keep != "" {
		page = keep
	}
	powered := m.powersOn()
	r := m.kplb("drill", "--inventory", labInventory, "--yes", "--i-can-power-it-on", "--for", "5s", "-o", "json", "--report", page)
	powered()
	r.want(t, 0, "will break the VIP's holder: haproxy-stopped", "waiting until you power it on")
	if err := os.WriteFile(baseline, []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Log(r.stdout)
	m.kplb("verify", "--inventory", labInventory).want(t, 0)
	m.sameBytes(before)
	judgeDrill(t, r.stdout)
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "Link down on kubernetes-node-") {
		t.Errorf("the page: %v", err)
	}

	m.kplb("drill", "--inventory", labInventory, "--yes", "--fault", "haproxy-stopped", "--for", "2s", "--baseline", baseline, "--tolerance", "10").want(t, 0, "no worse than "+baseline, "HAProxy stopped on kubernetes-node-")
	m.operatorGone()
	m.sameBytes(before)
}

// judgeDrill wants every fault to have done what it is for.
func judgeDrill(t *testing.T, text string) {
	t.Helper()
	var report struct {
		From             string
		ProvenAfterwards bool
		Faults           []struct {
			Fault, TookOver, MendedBy string
			NodeHeldVIP               bool
			Connections, Failed       int
			WithoutAnswer             int64 `json:"withoutAnswerMilliseconds"`
			TwoHolders                int64 `json:"twoHoldersMilliseconds"`
			Well                      int64 `json:"wellMilliseconds"`
		}
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	if !report.ProvenAfterwards || report.From != "this machine" || len(report.Faults) != 10 {
		t.Errorf("proven %v, from %q, %d faults", report.ProvenAfterwards, report.From, len(report.Faults))
	}
	moves := map[string]bool{"haproxy-stopped": true, "keepalived-stopped": true, "link-down": true, "node-off": true}
	for _, f := range report.Faults {
		if !f.NodeHeldVIP || f.Connections < 50 || f.Well < 1000 || moves[f.Fault] && f.TookOver == "" {
			t.Errorf("%+v", f)
		}
		if f.Fault == "link-down" && (f.Failed == 0 || f.WithoutAnswer < 100 || f.MendedBy != "the node itself") {
			t.Errorf("a link that is down is not noticed: %+v", f)
		}
		if f.Fault != "keepalived-frozen" && f.TwoHolders > 3000 {
			t.Errorf("two holders: %+v", f)
		}
	}
}

// powersOn gives power to every node that has none, until it is called.
func (m *machines) powersOn() (end func()) {
	l := lab.Lab{Name: m.name, Root: root(m.t)}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
				return
			case <-time.After(time.Second):
			}
			for _, n := range nodes {
				if _, err := l.Init(n); err == nil {
					continue
				}
				if out, err := m.tryLab("poweron", n); err != nil {
					m.t.Logf("poweron %s: %v\n%s", n, err, out)
				}
			}
		}
	}()
	return func() { close(over); <-done }
}

// operatorGone kills kplb when it has just broken a node.
func (m *machines) operatorGone() {
	m.t.Helper()
	holder := m.settle(settleTime)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l := lab.Lab{Name: m.name, Root: root(m.t)}
	cmd := l.Operator(ctx, filepath.Join(root(m.t), "bin/kplb"), "drill", "--inventory", labInventory, "--yes", "--fault", "haproxy-stopped", "--for", "3s")
	cmd.Dir, cmd.Env = root(m.t), append(os.Environ(), "KPLB_SSH_CONFIG="+m.state("ssh_config"))
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	active := func() string { return strings.TrimSpace(m.on(holder, "systemctl is-active haproxy || true")) }
	for end := time.Now().Add(30 * time.Second); active() == "active"; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatal("haproxy was not stopped")
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed
	broken := time.Now()
	for active() != "active" {
		if time.Since(broken) > 25*time.Second {
			m.t.Fatal("the node does not put itself back")
		}
		time.Sleep(200 * time.Millisecond)
	}
	m.t.Logf("the operator is killed: the node puts itself back after %s", time.Since(broken).Round(time.Second))
	// the next drill begins where the last one ended, and takes with it what that has left in /run
	m.kplb("drill", "--inventory", labInventory, "--yes", "--fault", "keepalived-stopped", "--for", "2s").want(m.t, 0)
}

// bytes is what must be the same after a drill: every file's content and mode,
// and what the kernel was told.
func (m *machines) bytes() map[string]string {
	m.t.Helper()
	out := map[string]string{}
	for _, n := range nodes {
		out[n] = m.on(n, `
			find /etc /var/lib/kplb /usr/local -type f -exec sha256sum {} + | sort -k 2
			find /etc /var/lib/kplb /usr/local -printf '%p %y %m %U:%G %l\n' | sort
			ip -4 route show; ip -6 route show | grep -v 'proto ra' | sed 's/ expires.*//'; nft list ruleset
			ip -o address show | sed '/ 10\.1\.233\.1\/32 /d; s/ valid_lft.*//'
			systemctl is-active haproxy keepalived; systemctl is-enabled haproxy keepalived
			systemctl list-units --all --plain --no-legend 'kplb-drill*'; ls -d /run/kplb-drill* 2>/dev/null || true`)
	}
	return out
}

func (m *machines) sameBytes(before map[string]string) {
	m.t.Helper()
	for n, now := range m.bytes() {
		was := strings.Split(before[n], "\n")
		is := strings.Split(now, "\n")
		for _, line := range is {
			if !slices.Contains(was, line) {
				m.t.Errorf("node %s: now, and not before: %s", n, line)
			}
		}
		for _, line := range was {
			if !slices.Contains(is, line) {
				m.t.Errorf("node %s: before, and not now: %s", n, line)
			}
		}
	}
}
