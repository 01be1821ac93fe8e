//go:build restarts

// Package restart measures how long an apiserver is away when kplb changes its
// manifest, on a genuine kubeadm cluster, and what everybody who uses it
// notices: `make restarts`. The table is docs/restart.md.
package restart

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

const vip = "10.1.233.1"

// TestRestarts goes from nothing to bind-address, to shared-port and back, and
// to nothing again: each way restarts three apiservers. As often as
// RESTARTS_ROUNDS says (3) in the quick way, and once in kubelet's own.
func TestRestarts(t *testing.T) {
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("RESTARTS_ROUNDS"), "3"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{T: t, Lab: machines.Lab{Name: "restarts", Root: root}}
	c.verb("down")
	t.Cleanup(func() { c.verb("down") })
	c.verb("up", "--kubernetes")
	where, err := c.Verb("exec", "operator", "sh", "-c", "command -v kubectl")
	if err != nil {
		t.Fatal(err)
	}
	c.program = strings.TrimSpace(where)
	c.fill()

	quick, graceful := &figures{kind: "quick"}, &figures{kind: "graceful"}
	for range rounds {
		c.round(quick)
	}
	if os.Getenv("RESTARTS_GRACEFUL") != "no" {
		c.round(graceful)
	}
	report(t, quick, graceful)
	quick.judge(t)
}

// cluster is the lab under test.
type cluster struct {
	*testing.T
	machines.Lab
	program string // kubectl
}

func (c *cluster) verb(word string, args ...string) {
	c.Helper()
	if out, err := c.Verb(word, args...); err != nil {
		c.Fatalf("%v\n%s", err, out)
	}
}

// round is one tour, with clients of the VIP where there is one before and after.
func (c *cluster) round(f *figures) {
	c.Helper()
	watch := c.observe()
	f.first = append(f.first, c.kplb("apply", "-i", c.inventory("bind-address", f.kind), "--yes"))
	f.noticed = append(f.noticed, c.whileUsed(func() {
		f.change = append(f.change,
			c.kplb("apply", "-i", c.inventory("shared-port", f.kind), "--yes"),
			c.kplb("apply", "-i", c.inventory("bind-address", f.kind), "--yes"))
	}))
	f.remove = append(f.remove, c.kplb("remove", "-i", c.inventory("bind-address", f.kind), "--yes"))
	f.restarts = append(f.restarts, watch.end()...)
}

// kplb runs it, and says how long it took.
func (c *cluster) kplb(args ...string) time.Duration {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := c.Operator(ctx, append([]string{filepath.Join(c.Root, "bin/kplb")}, args...)...)
	cmd.Env = append(os.Environ(), "KPLB_SSH_CONFIG="+c.State("ssh_config"))
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("kplb %v: %v\n%s", args, err, out)
	}
	took := time.Since(began)
	c.Logf("kplb %s %s: %.1f s", args[0], filepath.Base(args[2]), took.Seconds())
	return took
}

func (c *cluster) inventory(exposure, kind string) string {
	c.Helper()
	text, err := os.ReadFile(filepath.Join(c.Root, "examples/tutorial.yaml"))
	if err != nil {
		c.Fatal(err)
	}
	file := filepath.Join(c.TempDir(), exposure+"-"+kind+".yaml")
	if err := os.WriteFile(file, fmt.Appendf(text, "\nexposure: %s\napiserver: {restart: %s}\n", exposure, kind), 0o600); err != nil {
		c.Fatal(err)
	}
	return file
}
