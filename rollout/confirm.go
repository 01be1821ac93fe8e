package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// StoppedError says that a rollout did not come to its end, and what is where.
type StoppedError struct {
	Cause   error
	Back    []string         // nodes that were changed, and are as before again
	Changed []string         // nodes that are changed, and confirmed
	Pending map[string]error // nodes that could not be told: they take the change back by themselves
	Within  time.Duration    // by then, at the latest
}

func (e *StoppedError) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *StoppedError) Unwrap() error { return e.Cause }

// Unchanged says whether every node is as it was before.
func (e *StoppedError) Unchanged() bool { return len(e.Changed) == 0 && len(e.Pending) == 0 }

// Summary says in words what is where, a line for each part.
func (e *StoppedError) Summary() []string {
	var out []string
	if len(e.Changed) > 0 {
		out = append(out, "changed and confirmed: "+strings.Join(e.Changed, ", "))
	}
	if len(e.Back) > 0 {
		out = append(out, "taken back, as before: "+strings.Join(e.Back, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Pending)) {
		if errors.Is(e.Pending[name], errLost) {
			out = append(out, fmt.Sprintf("%s is changed: %v; apply again", name, errLost))
			continue
		}
		var unanswered *unansweredError
		if errors.As(e.Pending[name], &unanswered) {
			out = append(out, fmt.Sprintf("%s did not say whether it has confirmed (%v): if not, it takes the change back by itself within %s", name, unanswered, e.Within))
			continue
		}
		out = append(out, fmt.Sprintf("%s could not be told (%v): it takes the change back by itself within %s", name, e.Pending[name], e.Within))
	}
	if e.Unchanged() {
		out = append(out, "every node is as before")
	}
	return out
}

// goodbye is how long a rollout that is interrupted may take to tidy up.
const goodbye = 10 * time.Minute

// takeBack takes everything back, the last node first, apiservers one at a
// time. An interrupted rollout is taken back too.
func (r *Rollout) takeBack(ctx context.Context, cause error) *StoppedError {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	stopped := &StoppedError{Cause: cause, Pending: map[string]error{}}
	for _, n := range slices.Backward(r.armed) {
		r.report(Event{Node: n.Node.Name, Step: "taking the change back", Usual: activateUsual})
		err := r.takeBackNode(ctx, n, cause)
		if errors.Is(err, errConfirmed) {
			stopped.Changed = append(stopped.Changed, n.Node.Name)
			continue
		}
		if err != nil {
			stopped.Pending[n.Node.Name] = err
			stopped.Within = max(stopped.Within, r.windowOf(n))
			continue
		}
		stopped.Back = append(stopped.Back, n.Node.Name)
	}
	return stopped
}

// tidy sweeps up on nodes where staging was killed. What refuses has tidied up
// by itself, and so has what gives its lock back.
func (r *Rollout) tidy(ctx context.Context, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var failed NodeErrors
	errors.As(err, &failed)
	for _, n := range r.Cluster.Nodes {
		var refused *refusedByNode
		if failed[n.Name] != nil && !errors.As(failed[n.Name], &refused) {
			_ = r.takeBackNode(ctx, NodePlan{Node: n}, err) // the next step there sweeps, too
		}
	}
}

// errConfirmed is of a node that has made the change last, though its answer
// was lost.
var errConfirmed = errors.New("the change is confirmed")

// errLost is of a node that was changed, and does not know any more how to go
// back.
var errLost = errors.New("the way back, /var/lib/kplb/pending, was removed")

func (r *Rollout) takeBackNode(ctx context.Context, n NodePlan, cause error) error {
	h, err := r.reconnect(ctx, n.Node)
	if err != nil {
		return err
	}
	reason := "the rollout stopped: " + strings.ReplaceAll(cause.Error(), "\n", "; ")
	ends := map[string]bool{}
	err = run(ctx, h, n.Node.Name, stateScript("back", backBody, 3*time.Minute, map[string]string{
		"KPLB_TXN": r.txn, "KPLB_PATHS": managedPaths(), "KPLB_REASON": reason,
	}), func(record remote.Record) { ends[record.Key] = true })
	if err != nil {
		return err
	}
	switch {
	case ends["confirmed"]:
		return errConfirmed
	case ends["lost"]:
		return errLost
	}
	if n.Manifest == nil {
		return nil
	}
	r.report(Event{Node: n.Node.Name, Step: "waiting for the apiserver", Usual: apiserverRestart})
	if boundEverywhere(n.Manifest.Was.Content) {
		// one that has yet to notice is ready, too, and restarts while the next node goes back
		_ = r.awaitListening(ctx, h, n.Node, fmt.Sprintf("*:%d", r.Cluster.Port)) // whether it is ready decides
	}
	return r.awaitReady(ctx, n.Node)
}

// reconnect gives the connection to a node, a new one if it is gone.
func (r *Rollout) reconnect(ctx context.Context, n inventory.Node) (Host, error) {
	h, err := r.host(ctx, n)
	if err != nil {
		return nil, err
	}
	if run(ctx, h, n.Name, stateScript("hello", "record done", 10*time.Second, nil), nil) == nil {
		return h, nil
	}
	r.drop(n)
	return r.host(ctx, n)
}

// startRenewing renews until the returned function is called.
func (r *Rollout) startRenewing(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { r.renew(ctx) })
	return func() {
		cancel()
		renewing.Wait()
	}
}

// renew gives all armed nodes their whole window again, as long as the
// rollout goes on: if it ends without a word, they take everything back.
func (r *Rollout) renew(ctx context.Context) {
	t := time.NewTicker(max(r.window/4, time.Second))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		r.mu.Lock()
		armed := slices.Clone(r.armed)
		r.mu.Unlock()
		_ = r.each(nodesOf(armed), func(n inventory.Node) error { // the steps notice what is lost
			h, err := r.host(ctx, n)
			if err != nil {
				return err
			}
			return run(ctx, h, n.Name, stateScript("renew", renewBody, 30*time.Second, map[string]string{"KPLB_TXN": r.txn}), nil)
		})
	}
}

func nodesOf(plans []NodePlan) []inventory.Node {
	out := make([]inventory.Node, len(plans))
	for i, p := range plans {
		out[i] = p.Node
	}
	return out
}

// keep is how many generations stay on a node, beside the one from before
// kplb.
const keep = 10

// confirmAll makes the change last, over new connections: that the nodes can
// still be reached is a part of the proof.
func (r *Rollout) confirmAll(ctx context.Context) error {
	if len(r.armed) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return r.takeBack(ctx, ctx.Err())
	}
	// from here on there is no way back: an interruption comes too late
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	r.report(Event{Step: "confirming over new connections", Usual: 2 * time.Second})
	var mu sync.Mutex
	var confirmed []string
	err := r.each(nodesOf(r.armed), func(n inventory.Node) error {
		if err := r.confirmNode(ctx, n, r.txn); err != nil {
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
	return &StoppedError{Cause: err, Changed: confirmed, Pending: failed, Within: r.window + apiserverRestart*time.Duration(len(r.Cluster.Nodes))}
}

// dialing is a connection that is being made.
type dialing struct {
	done chan struct{}
	host Host
	err  error
}

// dialAhead begins to make the connections over which the armed nodes will be
// asked to confirm: beside the proof, after everything has changed. The
// returned function closes those that were not needed.
func (r *Rollout) dialAhead(ctx context.Context) (end func()) {
	ahead := map[string]*dialing{}
	for _, n := range nodesOf(r.armed) {
		d := &dialing{done: make(chan struct{})}
		ahead[n.Name] = d
		go func() {
			defer close(d.done)
			d.host, d.err = r.Dial(ctx, n)
		}()
	}
	r.ahead = ahead
	return func() {
		r.mu.Lock()
		r.ahead = nil
		r.mu.Unlock()
		for _, d := range ahead {
			if <-d.done; d.host != nil {
				_ = d.host.Close() // not used, or used up
			}
		}
	}
}

// newConnection gives the one that was made ahead, once, or makes one.
func (r *Rollout) newConnection(ctx context.Context, n inventory.Node) (Host, error) {
	r.mu.Lock()
	d := r.ahead[n.Name]
	delete(r.ahead, n.Name)
	r.mu.Unlock()
	if d == nil {
		return r.Dial(ctx, n)
	}
	<-d.done
	return d.host, d.err
}

// unansweredError says that a node was asked to confirm, and did not answer:
// it may have done so.
type unansweredError struct{ error }

func (e *unansweredError) Unwrap() error { return e.error }

// confirmNode confirms a change over a new connection, and over another one
// if the answer is lost. An empty txn confirms whichever change is waiting.
func (r *Rollout) confirmNode(ctx context.Context, n inventory.Node, txn string) error {
	for again := false; ; again = true {
		h, err := r.newConnection(ctx, n)
		if err != nil && again {
			return &unansweredError{err}
		}
		if err != nil {
			return err
		}
		err = run(ctx, h, n.Name, stateScript("confirm", confirmBody, time.Minute, map[string]string{
			"KPLB_TXN": txn, "KPLB_PATHS": managedPaths(), "KPLB_KEEP": strconv.Itoa(keep),
		}), nil)
		_ = h.Close() // the script has answered, or nothing will
		var refused *refusedByNode
		switch {
		case err == nil || errors.As(err, &refused):
			return err
		case again || txn == "":
			return &unansweredError{err}
		}
	}
}
