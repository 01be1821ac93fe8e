package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// awaitConfirmation waits until somebody confirms the change, or it is reverted. Whoever
// that is needs the lock.
func (t *transaction) awaitConfirmation(ctx context.Context) error {
	t.release(ctx)
	waiting := fleet.Event{Step: fmt.Sprintf("proven; waiting for `kplb confirm`, otherwise it is taken back after %s", t.window)}
	return t.fleet.Step(waiting, func() error { return t.untilConfirmed(ctx) })
}

// pendingInterval is how often nodes are asked whether the change is still pending.
const pendingInterval = 2 * time.Second

func (t *transaction) untilConfirmed(ctx context.Context) error {
	armed := nodesOf(t.progress.armedNodes())
	var facts map[string]*node.Facts
	err := fleet.Retry{Patience: fleet.Forever, Interval: pendingInterval}.Do(ctx, func() (err error) {
		if facts, err = t.fleet.InspectNodes(ctx, armed, t.inspection); err != nil {
			t.fleet.DropLost(err)
			return err
		}
		for _, n := range armed {
			if _, pending := facts[n.Name].Pending(); pending {
				return errors.New("a change is awaiting confirmation")
			}
		}
		return nil
	})
	if err == nil && ctx.Err() == nil {
		return outcome(armed, facts)
	}
	// without the lock, which somebody may have who is about to confirm, the nodes refuse
	_ = t.lockAgain(context.WithoutCancel(ctx))
	return t.revert(ctx, ctx.Err())
}

// lockPatience is how long another operator may take to confirm a change.
const lockPatience = 30 * time.Second

// lockAgain takes the lock that awaitConfirmation has released; it does nothing where the
// lock is still held. Its error is a LockedError where another operator keeps it.
func (t *transaction) lockAgain(ctx context.Context) error {
	if t.lock.Held() {
		return nil
	}
	return fleet.Retry{Patience: lockPatience}.Do(ctx, func() error {
		lock, err := t.fleet.Lock(ctx)
		var locked *node.LockedError
		switch {
		case err == nil:
			t.lock = lock
		case !errors.As(err, &locked):
			return fleet.Final(err)
		}
		return err
	})
}

// release releases the lock, if it is held.
func (t *transaction) release(ctx context.Context) { t.lock.Release(ctx) }

// outcome says how a change that is no longer pending has ended.
func outcome(armed []inventory.Node, facts map[string]*node.Facts) error {
	stopped := &StoppedError{Cause: errors.New("not confirmed")}
	for _, n := range armed {
		if facts[n.Name].Restored() != "" {
			stopped.Back = append(stopped.Back, n.Name)
		} else {
			stopped.Changed = append(stopped.Changed, n.Name)
		}
	}
	if len(stopped.Back) == 0 {
		return nil
	}
	return stopped
}
