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

// What a lab weighs while its test works, and how much two processors carry. A
// kubeadm cluster of which nothing is asked takes half a processor. With three
// clusters at work the load was 70: apiservers answered their health checks late
// or with 500, until no server was left and clients were reset.
const (
	standIns    = 1 // a lab whose apiservers are stand-ins
	idleCluster = 1
	cluster     = 2
	busyCluster = 4 // whose clients may not notice anything: little else has room
	capacity    = 6
)

// turns are given to the heaviest lab for which there is room: its test is the
// longest.
type turns struct {
	mu      sync.Mutex
	changed *sync.Cond
	taken   int
	waiting []int
}

var queue = func() *turns {
	q := &turns{}
	q.changed = sync.NewCond(&q.mu)
	return q
}()

// TestMain lets every test begin: it is for its turn that each of them waits.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "100"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func (q *turns) take(weight int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, weight)
	for weight < q.heaviest() || !q.fits(weight) {
		q.changed.Wait()
	}
	at := slices.Index(q.waiting, weight)
	q.waiting = slices.Delete(q.waiting, at, at+1)
	q.taken += weight
	q.changed.Broadcast()
}

func (q *turns) fits(weight int) bool { return q.taken+weight <= capacity }

// heaviest of those that wait and fit.
func (q *turns) heaviest() int {
	most := 0
	for _, weight := range q.waiting {
		if q.fits(weight) {
			most = max(most, weight)
		}
	}
	return most
}

func (q *turns) give(weight int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken -= weight
	q.changed.Broadcast()
}

// turn is a test's, until all of it is cleaned up.
type turn struct{ weight int }

func takeTurn(t *testing.T, weight int) *turn {
	t.Helper()
	began := time.Now()
	queue.take(weight)
	if waited := time.Since(began); waited > time.Second {
		t.Logf("waited %.0f s for its turn", waited.Seconds())
	}
	own := &turn{weight}
	t.Cleanup(func() { queue.give(own.weight) })
	return own
}

// lighten gives away what the rest of the test does without.
func (own *turn) lighten(weight int) {
	queue.give(own.weight - weight)
	own.weight = weight
}

// weightOf a lab with these options.
func weightOf(options []string) int {
	if slices.Contains(options, "--kubernetes") {
		return cluster
	}
	return standIns
}
