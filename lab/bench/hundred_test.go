//go:build bench

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/rollout"
)

const (
	hundred = 100
	crowd   = "BENCH_CROWD" // names the file that says where the simulated nodes are
)

// hundred has one process inspect as many simulated nodes, which are another
// process: SSH for real, sudo and the scripts played from a real node's
// answer. An inventory cannot name so many; a cluster made here can.
func (b *bench) hundred() {
	answer := b.capture()
	server := b.self("TestServe", crowd+"="+answer)
	stdin, errIn := server.StdinPipe()
	stdout, errOut := server.StdoutPipe()
	if errIn != nil || errOut != nil {
		b.t.Fatal(errIn, errOut)
	}
	if err := server.Start(); err != nil {
		b.t.Fatal(err)
	}
	where, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.t.Fatal(err)
	}
	file := filepath.Join(b.dir, "crowd.json")
	if err := os.WriteFile(file, []byte(where), 0o600); err != nil {
		b.t.Fatal(err)
	}
	var cpu time.Duration
	var memory int64
	for range rounds() {
		m := b.run(b.self("TestInspect", crowd+"="+file))
		b.table.add(fmt.Sprintf("inspection of %d simulated nodes", hundred), m.wall)
		cpu += m.cpu
		memory = max(memory, m.memory)
	}
	_ = stdin.Close() // ends the server
	_ = server.Wait() // nothing depends on how
	b.table.figure(fmt.Sprintf("client CPU per node, %d simulated nodes, ms", hundred), "",
		fmt.Sprintf("%.1f", cpu.Seconds()*1000/hundred/float64(rounds())), true)
	b.table.figure(fmt.Sprintf("peak memory of the client, %d simulated nodes, MiB", hundred), "", strconv.FormatInt(memory>>10, 10), true)
}

// self is this program, for one of its tests.
func (b *bench) self(test string, env ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), program, "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// place is where the simulated nodes are.
type place struct {
	Target  remote.Target
	Options struct{ KnownHosts []string }
}

// TestInspect is the client's process.
func TestInspect(t *testing.T) {
	var at place
	read(t, os.Getenv(crowd), &at)
	c, err := inventory.Parse("bench.yaml", []byte(`{apiVersion: kplb/v1alpha1, kind: Cluster, name: bench, vip: 10.1.233.1, nodes: [{name: a, address: 10.1.1.1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	one := c.Nodes[0]
	c.Nodes = nil
	for i := range hundred {
		one.Name = "node-" + strconv.Itoa(i)
		c.Nodes = append(c.Nodes, one)
	}
	r := &rollout.Rollout{Fleet: &fleet.Fleet{Cluster: c, Dial: func(ctx context.Context, n inventory.Node) (node.Host, error) {
		target := at.Target
		target.Name = n.Name
		return remote.Dial(ctx, target, remote.Options{KnownHosts: at.Options.KnownHosts})
	}}}
	defer r.Fleet.Close()
	facts, err := r.Fleet.Inspect(t.Context(), fleet.Inspection{})
	if err != nil || len(facts) != hundred || len(facts["node-7"].Files) < 5 {
		t.Fatalf("%d answers, %v", len(facts), err)
	}
}

// read skips the test in processes that are not meant.
func read(t *testing.T, file string, into any) {
	t.Helper()
	if file == "" {
		t.Skip("run TestBench")
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
