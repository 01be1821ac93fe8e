package rollout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// keep is how many generations stay on a node, beside the one from before
// kplb.
const keep = 10

// settle is how long the daemons of a node are watched after its change,
// beside everything else: what dies of its new file does so within a moment.
const settle = time.Second

// dialing is a connection that is being made.
type dialing struct {
	done chan struct{}
	host node.Host
	err  error
}

// connections are those over which nodes are asked to confirm, by node.
type connections map[string]*dialing

// dialAnew begins to make new connections to the armed nodes: beside the
// proof, after everything has changed. That the nodes can still be reached is
// a part of it.
func (r *Rollout) dialAnew(ctx context.Context) connections {
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

// confirmAll makes the change last. Before the first node is asked to, every
// one is reached by its new connection, and its daemons are still well.
func (r *Rollout) confirmAll(ctx context.Context, anew connections) error {
	if len(r.armed) == 0 {
		return nil
	}
	confirming := Event{Step: "confirming over new connections", Usual: 2 * time.Second}
	r.report(confirming)
	confirming.Over = true
	over := sync.OnceFunc(func() { r.report(confirming) })
	defer over()
	err := r.stillWell(ctx, anew)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		over()
		return r.takeBack(ctx, err)
	}
	// from here on there is no way back: an interruption comes too late
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	var mu sync.Mutex
	var confirmed []string
	err = r.each(nodesOf(r.armed), func(n inventory.Node) error {
		h, _ := anew.to(n) // it was well
		if err := r.confirmNode(ctx, n, r.txn, h); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		confirmed = append(confirmed, n.Name)
		return nil
	})
	var failed NodeErrors
	if !errors.As(err, &failed) {
		return nil
	}
	over()
	if len(confirmed) == 0 {
		stopped := r.takeBack(ctx, err)
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

// stillWell wants the daemons of all armed nodes to be those that were left
// there, a moment after the last one has changed, and has each node prepare
// its new generation: whatever may fail does so before the first one confirms.
func (r *Rollout) stillWell(ctx context.Context, anew connections) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(r.activated.Add(settle))):
	}
	return r.each(nodesOf(r.armed), func(n inventory.Node) error {
		h, err := anew.to(n)
		if err != nil {
			return err
		}
		return node.Precommit(ctx, h, node.PrecommitRequest{Txn: r.txn, Paths: r.pathsOf(n)})
	})
}

// unansweredError says that a node was asked to confirm, and did not answer:
// it may have done so.
type unansweredError struct{ error }

func (e *unansweredError) Unwrap() error { return e.error }

// confirmNode confirms a change over a new connection, h if it is there, and
// over another one if the answer is lost. An empty txn confirms whichever
// change is waiting.
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
		err := node.Confirm(ctx, h, node.ConfirmRequest{Txn: txn, Paths: r.pathsOf(n), Keep: keep, Restart: r.restartOf(n)})
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
