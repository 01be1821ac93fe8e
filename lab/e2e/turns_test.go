//go:build e2e

package e2e

import (
	"context"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
)

// everything says that the whole acceptance runs: make e2e-all, before an issue is called resolved. What lands a
// change (make e2e, .ci/run) is one path through each capability, and leaves out what says so by onlyInAll.
var everything = os.Getenv("E2E") == "all"

func onlyInAll(t *testing.T) {
	t.Helper()
	if !everything {
		t.Skip("only in make e2e-all")
	}
}

// Two processors carry two kubeadm clusters at work and one lab whose apiservers
// are stand-ins. With three clusters the load was 70: apiservers answered their
// health checks late or with 500, until no server was left and clients were
// reset. With two clusters and two other labs it was 50, and an apply took longer
// than a test waits for it.
var (
	clusters = semaphore.NewWeighted(5)
	standIns = semaphore.NewWeighted(1)
)

// What a lab weighs.
const (
	idleCluster = 1
	cluster     = 2
	busyCluster = 3 // whose clients may not notice anything: beside it and an idle one no other has room
)

// TestMain lets every test begin: it is for its turn that each of them waits.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "100"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// turn is a test's, until all of it is cleaned up.
type turn struct {
	of     *semaphore.Weighted
	weight int64
}

func takeTurn(t *testing.T, of *semaphore.Weighted, weight int64) *turn {
	t.Helper()
	began := time.Now()
	if err := of.Acquire(context.Background(), weight); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited > time.Second {
		t.Logf("waited %.0f s for its turn", waited.Seconds())
	}
	own := &turn{of, weight}
	t.Cleanup(func() { own.lighten(0) })
	return own
}

// takeTurnFor waits for the turn of a lab with these options.
func takeTurnFor(t *testing.T, options []string) {
	t.Helper()
	if slices.Contains(options, "--kubernetes") {
		takeTurn(t, clusters, cluster)
	} else {
		takeTurn(t, standIns, 1)
	}
}

// lighten gives away what the rest of the test does without.
func (own *turn) lighten(weight int64) {
	own.of.Release(own.weight - weight)
	own.weight = weight
}
