package node

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kplb/kplb/remote"
)

// LockedError says that another operator is at work on a node, which refuses every
// change of others meanwhile. It is a RefusedError.
type LockedError struct{ Node, By string }

func (e *LockedError) Error() string {
	return e.Node + ": " + e.Reason()
}

// Hint says what to do about it.
func (e *LockedError) Hint() string {
	return LockedHint
}

// LockedHint says what whoever is refused for a lock can do.
const LockedHint = "wait until it is done; if nobody is at work any more, the lock ends by itself within 20 s, and `kplb unlock` takes it away at once"

// Unwrap gives the refusal.
func (e *LockedError) Unwrap() error { return &RefusedError{e.Node, e.Reason()} }

// Reason is what the node says, without its name.
func (e *LockedError) Reason() string { return "locked by " + cmp.Or(e.By, "another operator") }

// LockRequest takes a node's lock.
type LockRequest struct {
	Token string // fences: steps of an operator without it are refused
	Owner string // who, from where, since when, in one line

	// A line goes to the node every Heartbeat while no program runs there. A
	// node that hears nothing for Timeout, in whole seconds, takes its operator
	// for dead.
	Heartbeat, Timeout time.Duration
}

// Lock takes the node's lock for as long as the connection lives. Its error is a
// LockedError where another operator holds it.
func Lock(ctx context.Context, h Host, q LockRequest) error {
	locked := false
	err := run(ctx, h, q.script(), func(r remote.Record) { locked = locked || r.Key == "locked" })
	if err == nil && !locked {
		return fmt.Errorf("%s: the lock was not taken: lock.sh ended without a word", h.Name())
	}
	return err
}

func (q LockRequest) script() remote.Script {
	s := script("lock", map[string]string{"KPLB_TOKEN": q.Token, "KPLB_OWNER": q.Owner, "KPLB_SECONDS": seconds(q.Timeout)})
	s.Resident, s.Heartbeat = true, q.Heartbeat
	return s
}

// Release gives the lock back that was taken with a token.
func Release(ctx context.Context, h Host, token string) error {
	s := script("release", map[string]string{"KPLB_TOKEN": token})
	s.Resident = true
	return run(ctx, h, s, nil)
}

// Unlock takes the lock away from whoever holds it, and says whether somebody
// did, and who.
func Unlock(ctx context.Context, h Host) (owner string, held bool, err error) {
	err = run(ctx, h, script("unlock", nil), func(r remote.Record) {
		if r.Key == "taken" {
			owner, held = strings.Join(r.Fields, " "), true
		}
	})
	return owner, held, err
}

// Ping says whether a node still runs programs over this connection.
func Ping(ctx context.Context, h Host) error { return run(ctx, h, script("hello", nil), nil) }
