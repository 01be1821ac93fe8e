//go:build e2e

package e2e

import (
	"flag"
	"os"
	"slices"
	"testing"
	"time"
)

// turns are the rights to be at work; as many as it holds are so at once.
type turns chan struct{}

// Two processors carry one kubeadm cluster at work beside two other labs. With
// three clusters the load was 70: apiservers answered their health checks late
// or with 500 until no server was left, and clients were reset for it.
var (
	clusters = make(turns, 1)
	standins = make(turns, 2)
)

// TestMain lets every test begin: it is for its turn that each of them waits.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "100"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func (q turns) take() { q <- struct{}{} }
func (q turns) give() { <-q }

// forLab are the turns of which a lab with these options needs one.
func forLab(options []string) turns {
	if slices.Contains(options, "--kubernetes") {
		return clusters
	}
	return standins
}

// takeTurn waits until the test may work; it may until all of it is cleaned up.
func takeTurn(t *testing.T, q turns) {
	t.Helper()
	began := time.Now()
	q.take()
	t.Cleanup(q.give)
	if waited := time.Since(began); waited > time.Second {
		t.Logf("waited %.0f s for its turn", waited.Seconds())
	}
}
