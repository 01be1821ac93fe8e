package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// The lock of a node ends with its operator's connection. A heartbeat is sent every few
// seconds while no program runs there; a node that gets none for a while assumes that
// its operator is gone.
const (
	heartbeatInterval = 5 * time.Second
	heartbeatTimeout  = 20 * time.Second
)

// cleanupTimeout is how long all nodes together may take to release their locks.
const cleanupTimeout = 10 * time.Minute

// NewToken returns a random name for a change or a lock: two operators never have the
// same.
func NewToken() string { return strings.ToLower(rand.Text()) }

// Lock is the lock of all nodes of a fleet.
type Lock struct {
	Token string // by which the nodes know the lock

	fleet *Fleet
	mu    sync.Mutex
	held  []inventory.Node // the nodes whose locks were taken, and not released
}

// Lock takes the locks of all nodes. Until they are released, no other operator changes
// anything there. The node that is first by name is locked first, so exactly one of
// several operators gets all locks. Its error is a NodeErrors, with a *node.LockedError
// for each node that another operator has locked.
func (f *Fleet) Lock(ctx context.Context) (*Lock, error) {
	nodes := f.Everyone()
	slices.SortFunc(nodes, func(a, b inventory.Node) int { return cmp.Compare(a.Name, b.Name) })
	lock := &Lock{Token: NewToken(), fleet: f}
	setLockToken(f, lock.Token)
	take := func(n inventory.Node) error { return lock.take(ctx, n) }
	err := Each(nodes[:1], take)
	if err == nil {
		err = Each(nodes[1:], take)
	}
	if err != nil {
		lock.Release(ctx)
		return nil, err
	}
	return lock, nil
}

func (l *Lock) take(ctx context.Context, n inventory.Node) error {
	if err := l.hold(ctx, n); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, n)
	return nil
}

// hold takes one lock, which belongs to the shell on the node that runs the programs.
func (l *Lock) hold(ctx context.Context, n inventory.Node) error {
	h, err := l.fleet.Connect(ctx, n)
	if err != nil {
		return err
	}
	return node.Lock(ctx, h, node.LockRequest{
		Token: l.Token, Owner: l.fleet.Operator + " since " + time.Now().UTC().Format(time.RFC3339),
		Heartbeat: heartbeatInterval, Timeout: heartbeatTimeout,
	})
}

// Release releases the locks, also when ctx is done. A lock whose connection is lost has
// ended with the connection.
func (l *Lock) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	l.mu.Lock()
	held := l.held
	l.held = nil
	l.mu.Unlock()
	_ = Each(held, func(n inventory.Node) error { // a lock ends with its connection
		h := l.fleet.Connection(n)
		if h == nil {
			return nil
		}
		return node.Release(ctx, h, l.Token)
	})
	setLockToken(l.fleet, "")
}

// lockToken is the token of the lock that the fleet holds; empty: none.
func lockToken(f *Fleet) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.token
}

func setLockToken(f *Fleet, token string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token = token
}

// RefuseLocked refuses to go on where the latest facts say that another operator has a
// lock: with the *node.LockedError that Lock would return.
func (f *Fleet) RefuseLocked() error {
	facts := f.Facts()
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if by := facts[name].LockedBy; by != "" {
			return NodeErrors{name: &node.LockedError{Node: name, By: by}}
		}
	}
	return nil
}

// Held says whether the locks have been taken, and not released.
func (l *Lock) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held) > 0
}

// Retake takes the lock of a node again over a new connection. If the node has not
// noticed yet that the old connection is gone, it takes the lock away from the same
// operator's old connection.
func (l *Lock) Retake(ctx context.Context, n inventory.Node) error {
	err := l.hold(ctx, n)
	var held *node.LockedError
	if !errors.As(err, &held) || !strings.HasPrefix(held.By, l.fleet.Operator+" since ") {
		return err
	}
	h, err := l.fleet.Connect(ctx, n)
	if err != nil {
		return err
	}
	if _, _, err := node.Unlock(ctx, h); err != nil {
		return err
	}
	return l.hold(ctx, n)
}

// Unlock removes the locks of all nodes, whoever holds them, and returns who held them, by node. Its error is
// a NodeErrors.
func Unlock(ctx context.Context, f *Fleet) (map[string]string, error) {
	var mu sync.Mutex
	owners := map[string]string{}
	err := Each(f.Everyone(), func(n inventory.Node) error {
		h, err := f.Connect(ctx, n)
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
