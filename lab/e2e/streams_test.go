//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	lab "github.com/kplb/kplb/lab/machines"
)

// idle is longer than any default timeout on the way: HAProxy's in the guides
// (35 s to 5 min), and those of most firewalls.
func idle() time.Duration {
	if everything {
		return 10 * time.Minute
	}
	return time.Minute // than the guides' shortest
}

// stream is a kubectl that runs through the VIP.
type stream struct {
	cmd    *exec.Cmd
	output output
	ended  chan struct{}
	err    error // once it has ended
}

// output is written by a program while a test reads it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (m *machines) stream(ctx context.Context, kubectl string, args ...string) *stream {
	m.t.Helper()
	l := lab.Lab{Name: m.name, Root: root(m.t)}
	s := &stream{ended: make(chan struct{})}
	s.cmd = l.Operator(ctx, append([]string{kubectl, "--kubeconfig", m.state("admin.conf"), "--server", "https://" + vip + ":6443"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	return s
}

// stands fails the test if the stream has ended.
func (s *stream) stands(t *testing.T, what string, after time.Duration) {
	t.Helper()
	select {
	case <-s.ended:
		t.Fatalf("%s has ended after %s: %v\n%s", what, after, s.err, s.output.String())
	default:
	}
}

// idleStreams holds a watch and an exec through the VIP without a word, and
// wants both to work afterwards.
func (m *machines) idleStreams() {
	m.t.Helper()
	defer m.tell() // of now, and not of the end of the whole test
	kubectl := strings.TrimSpace(m.lab("exec", "operator", "sh", "-c", "command -v kubectl"))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watch := m.stream(ctx, kubectl, "-n", "kube-public", "get", "configmaps", "--watch-only", "-o", "name")
	const silent = "etcd gateway start --listen-addr=127.0.0.1:23790 --endpoints=127.0.0.1:2379"
	exec := m.stream(ctx, kubectl, append([]string{"-n", "kube-system", "exec", "etcd-kubernetes-node-2", "--"}, strings.Fields(silent)...)...)
	m.until(time.Minute, "the exec's program runs", func() string {
		exec.stands(m.t, "the exec", 0)
		said := exec.output.String()
		if strings.Contains(said, "ready to proxy client requests") && strings.HasSuffix(said, "\n") { // its last word
			return ""
		}
		return said + "is not all"
	})
	said := len(exec.output.String())
	for began := time.Now(); time.Since(began) < idle(); time.Sleep(5 * time.Second) {
		watch.stands(m.t, "the watch", time.Since(began))
		exec.stands(m.t, "the exec", time.Since(began))
	}
	if more := exec.output.String()[said:]; watch.output.String() != "" || more != "" {
		m.t.Errorf("the streams were not idle: %q, %q", watch.output.String(), more)
	}
	m.on("2", "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-public create configmap kplb-e2e && pkill -f '[e]tcd gateway start'")
	select {
	case <-exec.ended: // with the program on the node
	case <-time.After(20 * time.Second):
		m.t.Error("the exec does not notice the end of its program")
	}
	time.Sleep(2 * time.Second)
	cancel()
	<-watch.ended
	if !strings.Contains(watch.output.String(), "configmap/kplb-e2e") {
		m.t.Errorf("the watch does not see a new ConfigMap: %s", watch.output.String())
	}
}
