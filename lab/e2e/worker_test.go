//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	lab "github.com/kplb/kplb/lab/machines"
)

// local is where a worker's balancer listens.
const local = "127.0.0.1:7443"

const balancerExample = "worker-balancer.yaml"

// TestWorkerBalancer has a worker that goes to the apiservers by itself: its
// kubelet does without the VIP, and without any one of the control-plane nodes.
func TestWorkerBalancer(t *testing.T) {
	onlyInAll(t)
	t.Parallel()
	m := boot(t, "e2e-worker", "--kubernetes", "--workers", "1", "--spares", "1")
	before := m.everything([]string{worker})
	failover := m.balanced("failover", "1", "2", "3")
	m.kplb("diff", "-i", failover).want(t, 1, "+    server: https://"+local, "+    tls-server-name: kubernetes")
	m.kplb("apply", "-i", failover, "--yes").want(t, 0,
		"kubernetes-node-"+worker+": /readyz on "+local+": ok, TLS verified", "kubelet is connected to "+local+": ok")
	m.kplb("diff", "-i", failover).want(t, 0)
	m.kplb("status", "-i", failover).want(t, 0)

	t.Run("one server until it dies", func(t *testing.T) { m.in(t).failsOver(failover) })
	t.Run("each control-plane node off in turn", func(t *testing.T) { m.in(t).offInTurn(failover) })
	t.Run("a boot without an API", func(t *testing.T) { m.in(t).bootsAlone(failover) })
	t.Run("a server more", func(t *testing.T) { m.in(t).oneServerMore() })
	t.Run("round robin", func(t *testing.T) { m.in(t).spreads() })

	m.kplb("remove", "-i", m.balanced("roundrobin", "1", "2", "3", spare), "--yes").want(t, 0)
	if d := cmp.Diff(strings.Split(before[worker], "\n"), strings.Split(m.everything([]string{worker})[worker], "\n")); d != "" {
		t.Errorf("the worker is not what it was before kplb (-before +now):\n%s", d)
	}
}

// balanced is the example whose workers have a balancer, for this lab's nodes
// and its one worker.
func (m *machines) balanced(strategy string, controlPlane ...string) string {
	m.t.Helper()
	text := m.example(filepath.Join(root(m.t), "examples", balancerExample))
	text = regexp.MustCompile(`(?m)^  - \{name: kubernetes-node-\d.*\n`).ReplaceAllString(text, "")
	line := func(n string) string {
		return fmt.Sprintf("  - {name: kubernetes-node-%s, address: 10.1.1.%s}\n", n, n)
	}
	var nodes strings.Builder
	for _, n := range controlPlane {
		nodes.WriteString(line(n))
	}
	text = strings.NewReplacer("nodes:\n", "nodes:\n"+nodes.String(), "workers:\n", "workers:\n"+line(worker),
		"strategy: failover", "strategy: "+strategy).Replace(text)
	file := filepath.Join(m.t.TempDir(), balancerExample)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// servers asks the worker's haproxy, not kplb: what it says of each server, and
// how many connections each has had.
func (m *machines) servers() (state map[string]string, total map[string]int) {
	m.t.Helper()
	state, total = map[string]string{}, map[string]int{}
	for line := range strings.Lines(m.on(worker, "curl --silent --max-time 3 'http://127.0.0.1:8404/stats;csv'")) {
		field := strings.Split(line, ",")
		if len(field) > 17 && field[0] == "kube-apiserver" && field[1] != "BACKEND" {
			name := strings.TrimPrefix(field[1], "kubernetes-node-")
			state[name] = field[17]
			total[name], _ = strconv.Atoi(field[7])
		}
	}
	return state, total
}

// used are the servers that get connections for some seconds.
func (m *machines) used() map[string]int {
	m.t.Helper()
	_, before := m.servers()
	time.Sleep(4 * time.Second)
	_, after := m.servers()
	for name, n := range after {
		if after[name] = n - before[name]; after[name] <= 0 {
			delete(after, name)
		}
	}
	return after
}

// one fails the test unless all connections go to one server, and returns it.
func (m *machines) one(when string) string {
	m.t.Helper()
	used := m.used()
	m.t.Logf("%s: connections for each server: %v", when, used)
	for name := range used {
		if len(used) == 1 {
			return name
		}
	}
	m.t.Fatalf("%s: not all connections go to one server: %v", when, used)
	return ""
}

func (m *machines) serverIs(name, want string, patience time.Duration) {
	m.t.Helper()
	m.until(patience, "server "+name+" is "+want, func() string {
		if state, _ := m.servers(); state[name] != want {
			return state[name]
		}
		return ""
	})
}

func (m *machines) loadOnWorker(callers, held int) *lab.Clients {
	m.t.Helper()
	load, err := lab.Lab{Name: m.name, Root: root(m.t)}.LoadOn(worker, local, "kubernetes", callers, held)
	if err != nil {
		m.t.Fatal(err)
	}
	return load
}

// failsOver cuts the power of the apiserver in use: all connections go to
// another one, and stay there when it is back.
func (m *machines) failsOver(inventory string) {
	m.t.Helper()
	m.kplb("verify", "-i", inventory, "--wait", "4m").want(m.t, 0)
	load := m.loadOnWorker(3, 4)
	first := m.one("at first")
	failed := load.Failed.Load()
	if failed+load.Broken.Load() > 0 {
		m.t.Errorf("%d connections failed and %d held ones broke while nothing happened: %v", failed, load.Broken.Load(), load.First.Load())
	}
	m.lab("poweroff", first)
	m.serverIs(first, "DOWN", 30*time.Second)
	second := m.one("node " + first + " is off")
	if second == first {
		m.t.Errorf("connections still go to node %s, which is off", first)
	}
	m.t.Logf("node %s off: %d new connections failed of %d, %d of 4 held ones broke", first, load.Failed.Load()-failed, load.Made.Load(), load.Broken.Load())
	m.lab("poweron", first)
	m.serverIs(first, "UP", 3*time.Minute)
	if now := m.one("node " + first + " is back"); now != second {
		m.t.Errorf("connections went from node %s to node %s, for no reason", second, now)
	}
	load.Stop()
}

// bootsAlone has the worker boot while no control-plane node is there.
func (m *machines) bootsAlone(inventory string) {
	m.t.Helper()
	for _, n := range append([]string{worker}, nodes...) {
		m.lab("poweroff", n)
	}
	m.lab("poweron", worker)
	m.until(time.Minute, "the balancer listens", func() string {
		out, _ := m.tryLab("exec", worker, "sh", "-c", "ss -Hltn 'src "+local+"'; systemctl is-active haproxy kubelet")
		if strings.Count(out, "\nactive") == 2 && strings.HasPrefix(out, "LISTEN") {
			return ""
		}
		return out
	})
	for _, n := range nodes {
		m.lab("poweron", n)
	}
	m.kplb("verify", "-i", inventory, "--wait", "5m").want(m.t, 0, "kubelet is connected to "+local+": ok")
}

// oneServerMore adds a control-plane node while the worker uses the others.
func (m *machines) oneServerMore() {
	m.t.Helper()
	m.lab("join", spare, vip+":6443")
	load := m.loadOnWorker(3, 10)
	was := m.one("before")
	m.kplb("apply", "-i", m.balanced("failover", "1", "2", "3", spare), "--yes").want(m.t, 0, "haproxy: reloads, no connection is refused")
	now := m.one("with node " + spare)
	load.Await(load.Made.Load() + 100)
	load.Stop()
	if load.Failed.Load()+load.Broken.Load() > 0 {
		m.t.Errorf("%d of %d connections failed, %d of 10 held ones broke: %v", load.Failed.Load(), load.Made.Load(), load.Broken.Load(), load.First.Load())
	}
	if was != now {
		m.t.Errorf("connections went from node %s to node %s when one was added", was, now)
	}
	m.serverIs(spare, "UP", 30*time.Second)
	m.t.Logf("a server more: %d new connections, %d failed, %d of 10 held ones broke", load.Made.Load(), load.Failed.Load(), load.Broken.Load())
}

// spreads has the worker use all of them, by another apply, which breaks
// nothing.
func (m *machines) spreads() {
	m.t.Helper()
	load := m.loadOnWorker(3, 10)
	m.kplb("apply", "-i", m.balanced("roundrobin", "1", "2", "3", spare), "--yes").want(m.t, 0)
	used := m.used()
	load.Stop()
	if len(used) != 4 || load.Failed.Load()+load.Broken.Load() > 0 {
		m.t.Errorf("connections for each server: %v, want all four; %d failed, %d held ones broke: %v", used, load.Failed.Load(), load.Broken.Load(), load.First.Load())
	}
	m.t.Logf("round robin: connections for each server: %v", used)
}
