package rollout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// settle is how long after a node's change its daemons are checked again: a daemon that
// cannot run with its new configuration exits within a second.
const settle = time.Second

// confirmation is the confirmation of a transaction.
type confirmation struct {
	t     *transaction
	nodes []inventory.Node // that are armed
	anew  connections
}

// confirm confirms the change on all armed nodes. Before the first one confirms, every
// node has answered over its new connection, and its daemons still run.
func (t *transaction) confirm(ctx context.Context, anew connections) error {
	c := confirmation{t, nodesOf(t.progress.armedNodes()), anew}
	if len(c.nodes) == 0 {
		return nil
	}
	confirming := fleet.Event{Step: "confirming over new connections", Usual: 2 * time.Second}
	t.fleet.Report(confirming)
	confirming.Over = true
	over := sync.OnceFunc(func() { t.fleet.Report(confirming) })
	defer over()
	err := c.checkUnchanged(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		over()
		return t.revert(ctx, err)
	}
	confirmed, err := c.confirmNodes(ctx)
	var failed fleet.NodeErrors
	if !errors.As(err, &failed) {
		return nil
	}
	over()
	if len(confirmed) == 0 {
		return t.revertUnconfirmed(ctx, failed)
	}
	return &StoppedError{Cause: err, Changed: confirmed, Pending: failed, Within: t.longestWindow()}
}

// checkUnchanged checks on all nodes, some time after the last change, that
// the daemons are the processes that activation left, and has each node prepare its
// new generation: what can fail fails before the first node confirms.
func (c *confirmation) checkUnchanged(ctx context.Context) error {
	if err := fleet.Sleep(ctx, time.Until(c.t.progress.lastActivation().Add(settle))); err != nil {
		return err
	}
	return fleet.Each(c.nodes, func(n inventory.Node) error {
		h, err := c.anew.to(n)
		if err != nil {
			return err
		}
		return node.Precommit(ctx, h, fleet.LayoutOf(c.t.fleet.Cluster), node.PrecommitRequest{Txn: c.t.txn, Token: c.t.lock.Token, Paths: managedPaths(c.t.fleet, n)})
	})
}

// confirmNodes confirms the change on all nodes, and names those that have
// confirmed. An interruption comes too late.
func (c *confirmation) confirmNodes(ctx context.Context) (confirmed []string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var mu sync.Mutex
	err = fleet.Each(c.nodes, func(n inventory.Node) error {
		h, _ := c.anew.to(n) // checkUnchanged has used it
		q := node.ConfirmRequest{Txn: c.t.txn, Token: c.t.lock.Token, Paths: managedPaths(c.t.fleet, n), Keep: keep, Restart: c.t.progress.restartOf(n)}
		if err := confirmNode(ctx, c.t.fleet, h, n, q); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		confirmed = append(confirmed, n.Name)
		return nil
	})
	slices.Sort(confirmed)
	return confirmed, err
}

// revertUnconfirmed reverts everything after no node has said that it has confirmed. One
// that did not answer may have.
func (t *transaction) revertUnconfirmed(ctx context.Context, failed fleet.NodeErrors) *StoppedError {
	stopped := t.revert(ctx, failed)
	for name := range stopped.Pending {
		var unanswered *unansweredError
		if errors.As(failed[name], &unanswered) {
			stopped.Pending[name] = unanswered
		}
	}
	return stopped
}
