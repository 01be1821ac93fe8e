//go:build e2e

// Package e2e is the acceptance of kplb on real machines: it drives bin/kplb
// in the lab's operator namespace and looks at the nodes with tools that are
// not kplb's.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	vip = "10.1.233.1"
)

// settleTime is how long the VIP may take to come to rest.
const settleTime = 20 * time.Second

var nodes = []string{"1", "2", "3"}

// machines is one lab that is up.
type machines struct {
	t    *testing.T
	name string
	port string   // that clients of the VIP use; empty: 6443
	env  []string // more of kplb's environment
}

// boot brings a lab up for the test when it is its turn, and takes it down
// after it.
func boot(t *testing.T, name string, options ...string) *machines {
	t.Helper()
	takeTurnFor(t, options)
	return up(t, name, options...)
}

// up is boot for a test that has its turn.
func up(t *testing.T, name string, options ...string) *machines {
	t.Helper()
	m := &machines{t: t, name: name}
	m.lab("down")
	t.Cleanup(func() { m.lab("down") })
	t.Cleanup(m.tell)
	m.lab("up", options...)
	return m
}

// tell has the nodes say what they did, where a test has failed.
func (m *machines) tell() {
	if !m.t.Failed() {
		return
	}
	for _, n := range nodes {
		said, _ := m.tryLab("exec", n, "sh", "-c", "journalctl --no-pager -o short-precise -u keepalived -u haproxy -n 60; cat /proc/net/ip_vs 2>/dev/null; cat /proc/loadavg")
		m.t.Logf("node %s:\n%s", n, said)
	}
	failures.Lock()
	defer failures.Unlock()
	for _, said := range failures.said { // again: of a long log people see the end
		if strings.HasPrefix(said, m.t.Name()) {
			m.t.Log(said)
		}
	}
}

// failures are those of all tests.
var failures struct {
	sync.Mutex
	said []string
}

// fail keeps what a test failed with for the end of its log.
func fail(t *testing.T, format string, args ...any) {
	t.Helper()
	said := fmt.Sprintf(format, args...)
	failures.Lock()
	failures.said = append(failures.said, t.Name()+": "+said)
	failures.Unlock()
	t.Error(said)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// lab runs lab/lab, which must work.
func (m *machines) lab(verb string, args ...string) string {
	m.t.Helper()
	out, err := m.tryLab(verb, args...)
	if err != nil {
		m.t.Fatalf("lab %s %v: %v\n%s", verb, args, err, out)
	}
	return out
}

func (m *machines) tryLab(verb string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(root(m.t), "lab/lab"), append([]string{verb, "--name", m.name}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// on runs a shell command inside a node as root, without ssh; it must work.
func (m *machines) on(node, command string) string {
	m.t.Helper()
	return m.lab("exec", node, "sh", "-c", command)
}

// state is a file of the lab's state directory.
func (m *machines) state(file string) string {
	dir := os.Getenv("KPLB_LAB_STATE")
	if dir == "" {
		dir = "/run/kplb-lab"
	}
	return filepath.Join(dir, m.name, file)
}

// result is how a run of kplb ended.
type result struct {
	code           int
	stdout, stderr string
}

// kplb runs kplb where the operator is.
func (m *machines) kplb(args ...string) result {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	argv := append([]string{"exec", "--name", m.name, "operator", filepath.Join(root(m.t), "bin/kplb")}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(root(m.t), "lab/lab"), argv...)
	cmd.Dir = root(m.t)
	cmd.Env = append(append(os.Environ(), "KPLB_SSH_CONFIG="+m.state("ssh_config")), m.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("kplb %v: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// want fails the test unless kplb ended with code and said every text.
func (r result) want(t *testing.T, code int, texts ...string) result {
	t.Helper()
	if r.code != code {
		fail(t, "exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
		t.FailNow()
	}
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			fail(t, "kplb does not say %q\nstdout:\n%s\nstderr:\n%s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// answers asks the VIP with curl: a new TLS connection, verified.
func (m *machines) answers() bool {
	out, err := m.tryLab("exec", "operator", "curl", "--silent", "--max-time", "2", "--cacert", m.state("ca.crt"), "https://"+vip+":"+cmp.Or(m.port, "6443")+"/healthz")
	return err == nil && out == "ok"
}

// holders are the nodes that have the VIP now.
func (m *machines) holders() []string {
	m.t.Helper()
	var out []string
	for _, n := range nodes {
		if strings.Contains(m.on(n, "ip -o addr show to "+vip), vip) {
			out = append(out, n)
		}
	}
	return out
}

// settle waits until one node of those holds the VIP and it answers, for 3 s
// without a break, and returns the holder.
func (m *machines) settle(patience time.Duration) string {
	m.t.Helper()
	patience = max(patience, leastPatience)
	var good time.Time
	var holders []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		before := holders
		holders = m.holders()
		if len(holders) != 1 || !slices.Equal(before, holders) || !m.answers() {
			good = time.Time{}
			continue
		}
		if good.IsZero() {
			good = time.Now()
		}
		if time.Since(good) > 3*time.Second {
			return holders[0]
		}
	}
	fail(m.t, "no single holder that answers within %s: %v hold it, answers: %v", patience, holders, m.answers())
	m.t.FailNow()
	return ""
}

// fingerprint is everything of a node that kplb may touch: files with their
// inodes and times, and the processes of the daemons.
func (m *machines) fingerprint(node string) string {
	m.t.Helper()
	return m.on(node, `
		for dir in /etc/haproxy /etc/keepalived /etc/sysctl.d /etc/systemd/system /etc/kubernetes /var/lib/kplb; do
			find "$dir" -type f -printf '%p %i %T@ %m %U:%G %s\n' -o -printf '%p %y %m %U:%G %l\n' 2>/dev/null
		done | sort
		for unit in haproxy keepalived; do
			systemctl show --property=ActiveState,UnitFileState,InvocationID,MainPID $unit.service
			pid=$(systemctl show --value --property=MainPID $unit.service)
			[ "$pid" = 0 ] || pgrep -x -P "$pid" $unit # not what says that keepalived is well, an orphan of its check
		done
		cat /proc/sys/net/ipv4/ip_nonlocal_bind`)
}

func (m *machines) fingerprints() map[string]string {
	m.t.Helper()
	out := map[string]string{}
	for _, n := range nodes {
		out[n] = m.fingerprint(n)
	}
	return out
}

// same fails the test unless every node is as it was.
func (m *machines) same(before map[string]string) {
	m.t.Helper()
	for n, was := range before {
		if now := m.fingerprint(n); now != was {
			m.t.Errorf("node %s is not as it was\nbefore:\n%s\nnow:\n%s", n, was, now)
		}
	}
}
