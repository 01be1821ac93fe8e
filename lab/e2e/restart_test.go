//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	lab "github.com/kplb/kplb/lab/machines"
)

// midRestart is a fault that comes while an apiserver restarts quickly.
type midRestart struct {
	name    string
	gone    bool // it comes when the old process is gone and the new one has yet to come; else when the first manifest is in place
	inflict func(m *machines, r *restarting)
	mend    func(m *machines, r *restarting) // nil: nothing
	code    []int                            // with which kplb ends
	new     bool                             // everything is new afterwards; else everything is old
	slow    bool                             // not one of those that land a change
}

var midRestarts = []midRestart{
	{name: "the step is killed", inflict: killStep, code: []int{3}},
	{name: "the step is killed, later", gone: true, inflict: killStep, code: []int{3}, slow: true},
	{name: "Ctrl-C", inflict: signalOperator(syscall.SIGINT), code: []int{130}, slow: true},
	{name: "Ctrl-C, later", gone: true, inflict: signalOperator(syscall.SIGINT), code: []int{130}, slow: true},
	{name: "the operator is killed", inflict: signalOperator(syscall.SIGKILL), code: []int{-1}, slow: true},
	{name: "the operator is killed, later", gone: true, inflict: signalOperator(syscall.SIGKILL), code: []int{-1}, slow: true},
	{name: "kubelet is killed", inflict: killKubelet, code: []int{0}, new: true, slow: true},
	{name: "kubelet is killed, later", gone: true, inflict: killKubelet, code: []int{0}, new: true, slow: true},
	{name: "the node loses its power", inflict: powerOff, mend: powerOn, code: []int{3, 4}, slow: true},
	{name: "the node loses its power, later", gone: true, inflict: powerOff, mend: powerOn, code: []int{3, 4}},
	{name: "the operator is killed, and the way back, too", inflict: killOperatorAndRestore, code: []int{-1}, slow: true},
	{name: "the operator and the apiserver's container runtime are killed", inflict: killOperatorAndContainerd, code: []int{-1}, slow: true},
}

// TestMidRestart has each of them come while one apiserver of a genuine cluster
// restarts.
func TestMidRestart(t *testing.T) {
	if !everything && os.Getenv("RESTART_FAULTS") == "" {
		t.Skip("only in make e2e-all and make restart-faults; TestKubeadm has two of them")
	}
	t.Parallel()
	m := boot(t, "e2e-restart", "--kubernetes")
	const inventory = "examples/tutorial.yaml"
	m.kplb("apply", "-i", inventory, "--yes").want(t, 0)
	m.kplb("remove", "-i", m.midRestart(inventory, true), "--yes").want(t, 0)
}

// midRestart has faults come while one apiserver restarts, on a cluster to which
// the inventory, of exposure bind-address, was applied: all of them, or some.
// Everything is old or new after each, on all nodes alike. It returns the
// inventory that the cluster is left with.
func (m *machines) midRestart(inventory string, all bool) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(root(m.t), inventory))
	if err != nil {
		m.t.Fatal(err)
	}
	shared := filepath.Join(m.t.TempDir(), "shared-port.yaml")
	if err := os.WriteFile(shared, append(text, "\nexposure: shared-port\n"...), 0o600); err != nil {
		m.t.Fatal(err)
	}
	inventories := []string{inventory, shared}
	m.t.Run("a kubelet that is not healthy", func(t *testing.T) { m.in(t).refuseKubelets(inventories[1]) })
	at, tried := 0, 0
	for _, f := range midRestarts {
		if f.slow && !all {
			continue
		}
		m.t.Run(f.name, func(t *testing.T) {
			tried++
			if m.in(t).strikeMidRestart(f, inventories[at], inventories[1-at]) {
				at = 1 - at
			}
		})
	}
	m.t.Logf("%d faults in the middle of an apiserver's restart", tried)
	return inventories[at]
}

// strikeMidRestart says whether the cluster is new afterwards.
func (m *machines) strikeMidRestart(f midRestart, now, next string) bool {
	m.t.Helper()
	m.kplb("verify", "-i", now, "--wait", "3m").want(m.t, 0)
	before := m.manifests()
	r := m.startRestarting(next, f.gone)
	began := time.Now()
	f.inflict(m, r)
	code := r.wait(m.t)
	if f.mend != nil {
		f.mend(m, r)
	}
	if !slices.Contains(f.code, code) {
		m.t.Errorf("kplb ended with %d, want one of %v\n%s", code, f.code, r.output.String())
	}
	if f.new {
		now = next
	}
	m.until(4*time.Minute, "no change waits, and nothing is half done", m.halfDone)
	m.kplb("verify", "-i", now, "--wait", "3m").want(m.t, 0)
	m.kplb("diff", "-i", now).want(m.t, 0)
	if same := m.manifests() == before; same == f.new {
		m.t.Errorf("the manifests are as before: %v", same)
	}
	m.settle(settleTime)
	m.t.Logf("%s at node %s: kplb ended with %d; all nodes at rest after %.0f s", f.name, r.node, code, time.Since(began).Seconds())
	return f.new
}

// refuseKubelets: no apiserver restarts that nobody would start again.
func (m *machines) refuseKubelets(inventory string) {
	m.t.Helper()
	before := m.manifests()
	const says = "kubernetes-node-2: its kubelet is not healthy, and would not restart the apiserver: "
	m.on("2", "systemctl stop kubelet")
	m.kplb("apply", "-i", inventory, "--yes").want(m.t, 3, says+"kubelet.service is inactive", "journalctl -u kubelet")
	m.on("2", "systemctl start kubelet; until curl --silent --fail 127.0.0.1:10248/healthz; do sleep 0.5; done; systemctl kill --signal STOP kubelet")
	m.kplb("apply", "-i", inventory, "--yes").want(m.t, 3, says+"http://127.0.0.1:10248/healthz does not answer within 5s")
	m.on("2", "systemctl kill --signal CONT kubelet")
	if now := m.manifests(); now != before {
		m.t.Error("a manifest has changed")
	}
}

// restarting is an apply whose first apiserver is restarting.
type restarting struct {
	cmd    *exec.Cmd
	output output
	ended  chan error
	node   string
	init   string
}

// startRestarting applies until the first node restarts its apiserver.
func (m *machines) startRestarting(inventory string, gone bool) *restarting {
	m.t.Helper()
	l := lab.Lab{Name: m.name, Root: root(m.t)}
	inits := map[string]string{}
	for _, n := range nodes {
		init, err := l.Init(n)
		if err != nil {
			m.t.Fatal(err)
		}
		inits[n] = init
	}
	r := &restarting{ended: make(chan error, 1)}
	r.cmd = l.Operator(context.Background(), filepath.Join(root(m.t), "bin/kplb"), "apply", "-i", inventory, "--yes", "--confirm-timeout", "20s")
	r.cmd.Dir = root(m.t)
	r.cmd.Env = append(os.Environ(), "KPLB_SSH_CONFIG="+m.state("ssh_config"))
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	if err := r.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	for end := time.Now().Add(4 * time.Minute); r.node == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for n, init := range inits {
			if isInterim(init) {
				r.node, r.init = n, init
			}
		}
	}
	if r.node == "" {
		_ = r.cmd.Process.Kill()
		m.t.Fatalf("no apiserver restarts:\n%s", r.output.String())
	}
	for gone && isInterim(r.init) && strings.Contains(m.on(r.node, "pgrep -x kube-apiserver; true"), "\n") {
		time.Sleep(20 * time.Millisecond)
	}
	return r
}

// isInterim says whether the manifest of a node is the one that only an
// apiserver which is restarting has.
func isInterim(init string) bool {
	text, err := os.ReadFile(filepath.Join("/proc", init, "root/etc/kubernetes/manifests/kube-apiserver.yaml"))
	return err == nil && bytes.Contains(text, []byte("\n  generation: 1 # kplb"))
}

// wait gives kplb's exit code; -1: a signal has ended it.
func (r *restarting) wait(t *testing.T) int {
	t.Helper()
	select {
	case err := <-r.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(10 * time.Minute):
		_ = r.cmd.Process.Kill()
		t.Fatalf("kplb does not end:\n%s", r.output.String())
		return 0
	}
}

// halfDone says what is.
func (m *machines) halfDone() string {
	for _, n := range nodes {
		out, err := m.tryLab("exec", n, "sh", "-c", `
			[ ! -e /var/lib/kplb/pending ] || echo "a change waits"
			[ ! -e /etc/systemd/system/kplb-restore-boot.service ] || echo "the way back is armed"
			! grep -q 'generation: 1 # kplb' /etc/kubernetes/manifests/kube-apiserver.yaml || echo "the first manifest of two is in place"
			[ "$(ls -A /etc/kubernetes/manifests)" = "$(printf 'etcd.yaml\nkube-apiserver.yaml\nkube-controller-manager.yaml\nkube-scheduler.yaml')" ] || ls -A /etc/kubernetes/manifests
			ls -A /etc/kubernetes | grep kplb
			[ "$(pgrep -cx kube-apiserver)" = 1 ] || echo "$(pgrep -cx kube-apiserver) apiservers"`)
		if err != nil && out == "" {
			out = err.Error()
		}
		if strings.TrimSpace(out) != "" && !strings.HasPrefix(out, "exit status") {
			return "node " + n + ": " + out
		}
	}
	return ""
}

func (m *machines) manifests() string {
	m.t.Helper()
	var out strings.Builder
	for _, n := range nodes {
		out.WriteString(m.on(n, "cat /etc/kubernetes/manifests/kube-apiserver.yaml; stat -c '%a %U:%G' /etc/kubernetes/manifests/kube-apiserver.yaml"))
	}
	return out.String()
}

// killStep kills every process of kplb's step on the node: all that hold its turn.
func killStep(m *machines, r *restarting) {
	m.on(r.node, `for fd in /proc/[0-9]*/fd/9; do
		[ "$(readlink $fd)" != /run/kplb.lock ] || { pid=${fd#/proc/}; kill -KILL "${pid%%/*}"; }
	done; true`)
}

func signalOperator(s os.Signal) func(*machines, *restarting) {
	return func(m *machines, r *restarting) {
		if err := r.cmd.Process.Signal(s); err != nil {
			m.t.Error(err)
		}
	}
}

func killKubelet(m *machines, r *restarting) { m.on(r.node, "pkill -KILL -x kubelet") }

func powerOff(m *machines, r *restarting) { m.lab("poweroff", r.node) }

func powerOn(m *machines, r *restarting) { m.lab("poweron", r.node) }

// killOperatorAndRestore kills the way back, too, as soon as it restarts the
// apiserver: it has to run once more.
func killOperatorAndRestore(m *machines, r *restarting) {
	signalOperator(syscall.SIGKILL)(m, r)
	m.until(3*time.Minute, "the way back restarts the apiserver", func() string {
		if m.on(r.node, "pgrep -f '[/]var/lib/kplb/restore timer'; true") != "" && isInterim(r.init) {
			return ""
		}
		return "not yet"
	})
	m.on(r.node, "pkill -KILL -f '[/]var/lib/kplb/restore timer'")
}

// killOperatorAndContainerd has kubelet find nobody to stop or start anything for
// a while.
func killOperatorAndContainerd(m *machines, r *restarting) {
	signalOperator(syscall.SIGKILL)(m, r)
	m.on(r.node, "systemctl stop containerd && sleep 8 && systemctl start containerd")
}
