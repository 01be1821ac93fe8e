package rollout

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// The lock of a node lives as long as its operator's connection. A beat goes
// out every few seconds while no step is at work; a node that misses some
// takes its operator for dead.
const (
	beat    = 5 * time.Second
	silence = 20 * time.Second
)

// newToken names a change, or a lock. It is random: two operators never have
// the same.
func newToken() string { return strings.ToLower(rand.Text()) }

// lock takes the locks of all nodes, and holds them until the returned
// function is called. Whoever has the first one, by name, goes for the others:
// of several operators exactly one gets them all.
func (r *Rollout) lock(ctx context.Context) (unlock func(), err error) {
	nodes := r.everyone()
	slices.SortFunc(nodes, func(a, b inventory.Node) int { return cmp.Compare(a.Name, b.Name) })
	r.token = newToken()
	var mu sync.Mutex
	var held []inventory.Node
	unlock = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		_ = r.each(held, func(n inventory.Node) error { return r.release(ctx, n) }) // what is lost ends with its connection
	}
	take := func(n inventory.Node) error {
		if err := r.hold(ctx, n); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		held = append(held, n)
		return nil
	}
	err = r.each(nodes[:1], take)
	if err == nil {
		err = r.each(nodes[1:], take)
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// hold takes one lock. It belongs to the node's shell that runs the steps.
func (r *Rollout) hold(ctx context.Context, n inventory.Node) error {
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	return node.Lock(ctx, h, node.LockRequest{
		Token: r.token, Owner: r.Operator + " since " + time.Now().UTC().Format(time.RFC3339), Heartbeat: beat, Timeout: silence,
	})
}

func (r *Rollout) release(ctx context.Context, n inventory.Node) error {
	r.mu.Lock()
	h := r.hosts[n.Name]
	r.mu.Unlock()
	if h == nil { // lost, and its lock with it
		return nil
	}
	return node.Release(ctx, h, r.token)
}

// Unlock takes the locks of all nodes away from whoever holds them, and says
// who that was.
func (r *Rollout) Unlock(ctx context.Context) (map[string]string, error) {
	var mu sync.Mutex
	owners := map[string]string{}
	err := r.each(r.everyone(), func(n inventory.Node) error {
		h, err := r.host(ctx, n)
		if err != nil {
			return err
		}
		owner, held, err := node.Unlock(ctx, h)
		if held {
			mu.Lock()
			defer mu.Unlock()
			owners[n.Name] = owner
		}
		return err
	})
	return owners, err
}
