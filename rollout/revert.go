package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// cleanupTimeout is how long a rollout that was interrupted may take to clean up.
const cleanupTimeout = 10 * time.Minute

// revert reverts every armed node, the last one first, apiservers one at a time. It
// does so when ctx is done, too.
func (t *transaction) revert(ctx context.Context, cause error) *StoppedError {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	stopped := &StoppedError{Cause: cause, Pending: map[string]error{}}
	armed := t.progress.armedNodes()
	if len(armed) > 0 {
		t.fleet.Report(fleet.Event{Step: whyStopped(cause, t.longestWindow()), Done: true})
	}
	for _, n := range slices.Backward(armed) {
		back := fleet.Event{Node: n.Node.Name, Step: "taking the change back", Usual: usualRevert(n)}
		err := t.fleet.During(back, func(waits func(string)) error { return t.revertNode(ctx, n, cause, waits) })
		if errors.Is(err, node.ErrConfirmed) {
			stopped.Changed = append(stopped.Changed, n.Node.Name)
			continue
		}
		if err != nil {
			stopped.Pending[n.Node.Name] = err
			stopped.Within = max(stopped.Within, t.windowOf(n))
			continue
		}
		stopped.Back = append(stopped.Back, n.Node.Name)
	}
	return stopped
}

// whyStopped says why everything is reverted, before the revert, which takes a while. The
// nodes would do it by themselves within that time.
func whyStopped(cause error, within time.Duration) string {
	if errors.Is(cause, context.Canceled) {
		return fmt.Sprintf("interrupted: what has changed is taken back; a second Ctrl-C leaves that to the nodes, which do it by themselves within %s", within)
	}
	return "stopped: " + strings.ReplaceAll(cause.Error(), "\n", "; ")
}

// tidy removes what staging has left on nodes where it was killed. A node that
// refused has cleaned up by itself, and so does one whose lock is released.
func (t *transaction) tidy(ctx context.Context, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var failed fleet.NodeErrors
	errors.As(err, &failed)
	for _, n := range t.fleet.Everyone() {
		var refused *node.RefusedError
		if failed[n.Name] != nil && !errors.As(failed[n.Name], &refused) {
			_ = t.revertNode(ctx, plan.NodePlan{Node: n}, err, silently) // the next step there sweeps, too
		}
	}
}

// usualRevert is how long a node usually takes to revert.
func usualRevert(n plan.NodePlan) time.Duration {
	if n.Manifest != nil {
		return activateUsual + n.Restart.Usual
	}
	return activateUsual
}

func (t *transaction) revertNode(ctx context.Context, n plan.NodePlan, cause error, waits func(string)) error {
	h, err := reconnect(ctx, t.fleet, n.Node)
	if err != nil {
		return err
	}
	if n.Manifest != nil && !n.APIServerAway {
		defer drain(ctx, t.fleet, n.Node)()
	}
	reason := "the rollout stopped: " + strings.ReplaceAll(cause.Error(), "\n", "; ")
	err = node.Revert(ctx, h, fleet.LayoutOf(t.fleet.Cluster), node.RevertRequest{Txn: t.txn, Token: t.lock.Token, Paths: managedPaths(t.fleet, n.Node), Reason: reason})
	if err != nil {
		return err
	}
	if n.Manifest == nil || n.APIServerAway {
		return nil
	}
	port := t.fleet.Cluster.Port
	if at := plan.ListenAddress(fleet.DistributionOf(t.fleet.Cluster), n.Manifest.Was.Content, port); at == plan.AnyAddress(port) {
		// one that has yet to notice is ready, too, and restarts while the next node goes back
		_ = awaitListening(ctx, h, t.fleet.Cluster, n.Node, at, node.Replaced{}, waits) // whether it is ready decides
	}
	return awaitReady(ctx, t.fleet, n.Node, waits)
}

// reconnect gives the connection to a node, a new one if it is gone.
func reconnect(ctx context.Context, f *fleet.Fleet, n inventory.Node) (node.Host, error) {
	h, err := f.Connect(ctx, n)
	if err != nil {
		return nil, err
	}
	if node.Ping(ctx, h) == nil {
		return h, nil
	}
	f.Drop(n)
	return f.Connect(ctx, n)
}
