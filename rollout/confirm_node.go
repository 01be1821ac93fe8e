package rollout

import (
	"context"
	"errors"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// keep is how many generations stay on a node, besides generation 0.
const keep = 10

// dialing is a connection that is being made.
type dialing struct {
	done chan struct{}
	host node.Host
	err  error
}

// connections are the new connections for the confirmation, by node.
type connections map[string]*dialing

// dialFresh starts to open new connections to the nodes, while the proof runs. That the
// nodes can still be reached is part of the proof.
func dialFresh(ctx context.Context, f *fleet.Fleet, nodes []inventory.Node) connections {
	out := connections{}
	for _, n := range nodes {
		d := &dialing{done: make(chan struct{})}
		out[n.Name] = d
		go func() {
			defer close(d.done)
			d.host, d.err = f.Dial(ctx, n)
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

// unansweredError says that a node was asked to confirm and did not answer: it may have
// confirmed.
type unansweredError struct{ error }

func (e *unansweredError) Unwrap() error { return e.error }

// confirmNode confirms a change over h, a new connection, or over one of its own if h is
// nil. If the answer is lost, it tries once more over another connection. A request
// without Txn confirms whichever change is awaiting confirmation.
func confirmNode(ctx context.Context, f *fleet.Fleet, h node.Host, n inventory.Node, q node.ConfirmRequest) error {
	for again := false; ; again = true {
		if h == nil {
			var err error
			if h, err = f.Dial(ctx, n); err != nil {
				if again {
					err = &unansweredError{err}
				}
				return err
			}
		}
		err := node.Confirm(ctx, h, fleet.LayoutOf(f.Cluster), q)
		_ = h.Close() // the script has answered, or nothing will
		h = nil
		var refused *node.RefusedError
		switch {
		case err == nil || errors.As(err, &refused):
			return err
		case again || q.Txn == "":
			return &unansweredError{err}
		}
	}
}
