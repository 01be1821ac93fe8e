//go:build e2e

package e2e

import (
	"flag"
	"os"
	"slices"
	"sync"
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

// forLab are the turns of which a lab with these options needs one.
func forLab(options []string) turns {
	if slices.Contains(options, "--kubernetes") {
		return clusters
	}
	return standins
}

// takeTurn waits until the test may work. It may until it gives the turn to
// somebody else, or all of it is cleaned up.
func takeTurn(t *testing.T, q turns) (give func()) {
	t.Helper()
	began := time.Now()
	q <- struct{}{}
	if waited := time.Since(began); waited > time.Second {
		t.Logf("waited %.0f s for its turn", waited.Seconds())
	}
	give = sync.OnceFunc(func() { <-q })
	t.Cleanup(give)
	return give
}
