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

// keep is how many generations stay on a node, besides generation 0.
const keep = 10

// settle is how long after a node's change its daemons are checked again: a daemon that
// cannot run with its new configuration exits within a second.
const settle = time.Second

// dialing is a connection that is being made.
type dialing struct {
	done chan struct{}
	host node.Host
	err  error
}

// connections are the new connections for the confirmation, by node.
type connections map[string]*dialing

// dialFresh starts to open new connections to the armed nodes, while the proof
// runs. That the nodes can still be reached is part of the proof.
func (r *Rollout) dialFresh(ctx context.Context) connections {
	out := connections{}
	for _, n := range nodesOf(r.armed) {
		d := &dialing{done: make(chan struct{})}
		out[n.Name] = d
		go func() {
			defer close(d.done)
			d.host, d.err = r.Dial(ctx, n)
		}()
	}
	return out
}

func (c connections) to(n inventory.Node) (node.Host, error) {
	<-c[n.Name].done
	return c[n.Name].host, c[n.Name].err
}

func (c connections) close() {
	for _, d := range c {
		if <-d.done; d.host != nil {
			_ = d.host.Close() // used up
		}
	}
}

// confirmAll confirms the change on all armed nodes. Before the first one confirms,
// every node has answered over its new connection, and its daemons still run.
func (r *Rollout) confirmAll(ctx context.Context, anew connections) error {
	if len(r.armed) == 0 {
		return nil
	}
	confirming := fleet.Event{Step: "confirming over new connections", Usual: 2 * time.Second}
	r.Report(confirming)
	confirming.Over = true
	over := sync.OnceFunc(func() { r.Report(confirming) })
	defer over()
	err := r.checkUnchanged(ctx, anew)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		over()
		return r.revert(ctx, err)
	}
	// from here on nothing is reverted: an interruption comes too late
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var mu sync.Mutex
	var confirmed []string
	err = fleet.Each(nodesOf(r.armed), func(n inventory.Node) error {
		h, _ := anew.to(n) // checkUnchanged has used it
		if err := r.confirmNode(ctx, n, r.txn, h); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		confirmed = append(confirmed, n.Name)
		return nil
	})
	var failed fleet.NodeErrors
	if !errors.As(err, &failed) {
		return nil
	}
	over()
	if len(confirmed) == 0 {
		stopped := r.revert(ctx, err)
		for name := range stopped.Pending {
			var unanswered *unansweredError
			if errors.As(failed[name], &unanswered) {
				stopped.Pending[name] = unanswered
			}
		}
		return stopped
	}
	slices.Sort(confirmed)
	return &StoppedError{Cause: err, Changed: confirmed, Pending: failed, Within: r.longestWindow()}
}

// checkUnchanged checks on all armed nodes, some time after the last change, that
// the daemons are the processes that activation left, and has each node prepare its
// new generation: what can fail fails before the first node confirms.
func (r *Rollout) checkUnchanged(ctx context.Context, anew connections) error {
	if err := fleet.Sleep(ctx, time.Until(r.activated.Add(settle))); err != nil {
		return err
	}
	return fleet.Each(nodesOf(r.armed), func(n inventory.Node) error {
		h, err := anew.to(n)
		if err != nil {
			return err
		}
		return node.Precommit(ctx, h, node.PrecommitRequest{Txn: r.txn, Paths: managedPaths(r.Fleet, n)})
	})
}

// unansweredError says that a node was asked to confirm and did not answer: it may have
// confirmed.
type unansweredError struct{ error }

func (e *unansweredError) Unwrap() error { return e.error }

// confirmNode confirms a change over h, a new connection, or over one of its own if h is
// nil. If the answer is lost, it tries once more over another connection. An empty txn
// confirms whichever change is awaiting confirmation.
func (r *Rollout) confirmNode(ctx context.Context, n inventory.Node, txn string, h node.Host) error {
	for again := false; ; again = true {
		if h == nil {
			var err error
			if h, err = r.Dial(ctx, n); err != nil {
				if again {
					err = &unansweredError{err}
				}
				return err
			}
		}
		err := node.Confirm(ctx, h, node.ConfirmRequest{Txn: txn, Paths: managedPaths(r.Fleet, n), Keep: keep, Restart: r.restartOf(n)})
		_ = h.Close() // the script has answered, or nothing will
		h = nil
		var refused *node.RefusedError
		switch {
		case err == nil || errors.As(err, &refused):
			return err
		case again || txn == "":
			return &unansweredError{err}
		}
	}
}
