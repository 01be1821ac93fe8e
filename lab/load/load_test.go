//go:build load

// Package load changes haproxy.cfg again and again while clients use the VIP:
// none of them may notice.
package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

const (
	applies = 100
	callers = 6   // goroutines that make new connections
	wanted  = 200 // new connections for each apply, at least
	held    = 100 // connections that stay for the whole time
	vip     = "10.1.233.1:6443"
)

// TestApplyUnderLoad applies another haproxy.cfg 100 times.
func TestApplyUnderLoad(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	lab := machines.Lab{Name: "load", Root: root}
	verb(t, lab, "down")
	t.Cleanup(func() { verb(t, lab, "down") })
	verb(t, lab, "up")
	inventories := []string{inventory(t, root, 4096), inventory(t, root, 5000)}
	apply(t, lab, inventories[1])
	holder := lab.Holders("10.1.233.1")

	c, err := lab.Load(vip, callers, held)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	for i := range applies {
		c.Await(int64(i) * wanted)
		apply(t, lab, inventories[i%2])
		if now := lab.Holders("10.1.233.1"); len(now) != 1 || now[0] != holder[0] {
			t.Errorf("apply %d: the VIP was on %v and is on %v", i+1, holder, now)
		}
	}
	c.Await(applies * wanted)
	c.Stop()

	t.Logf("| applies that changed haproxy.cfg | new connections | failed | held connections | broken | moves of the VIP | seconds |")
	t.Logf("| %d | %d | %d | %d | %d | 0 | %.0f |", applies, c.Made.Load(), c.Failed.Load(), held, c.Broken.Load(), time.Since(started).Seconds())
	if c.Failed.Load() > 0 || c.Broken.Load() > 0 {
		t.Errorf("%d of %d new connections failed, %d of %d held ones broke; the first: %v", c.Failed.Load(), c.Made.Load(), c.Broken.Load(), held, c.First.Load())
	}
}

func verb(t *testing.T, lab machines.Lab, name string, args ...string) {
	t.Helper()
	if out, err := lab.Verb(name, args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// inventory is examples/lab.yaml with another maxConn.
func inventory(t *testing.T, root string, maxConn int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples/lab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "inventory.yaml")
	if err := os.WriteFile(file, fmt.Appendf(text, "haproxy: {maxConn: %d}\n", maxConn), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func apply(t *testing.T, lab machines.Lab, inventory string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := lab.Operator(ctx, filepath.Join(lab.Root, "bin/kplb"), "apply", "--yes", "--inventory", inventory)
	cmd.Env = append(os.Environ(), "KPLB_SSH_CONFIG="+lab.State("ssh_config"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kplb apply: %v\n%s", err, out)
	}
}
