package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/verdict"
)

// awaitConfirmation waits until somebody confirms the change, or it is reverted.
func (r *Rollout) awaitConfirmation(ctx context.Context) error {
	waiting := fleet.Event{Step: fmt.Sprintf("proven; waiting for `kplb confirm`, otherwise it is taken back after %s", r.window)}
	return r.Step(waiting, func() error { return r.untilConfirmed(ctx) })
}

// pendingInterval is how often nodes are asked whether the change is still pending.
const pendingInterval = 2 * time.Second

func (r *Rollout) untilConfirmed(ctx context.Context) error {
	var facts map[string]*node.Facts
	err := fleet.Retry{Patience: fleet.Forever, Interval: pendingInterval}.Do(ctx, func() (err error) {
		if facts, err = r.InspectNodes(ctx, nodesOf(r.armed), r.inspection()); err != nil {
			r.DropLost(err)
			return err
		}
		for _, n := range r.armed {
			if _, pending := facts[n.Node.Name].Pending(); pending {
				return errors.New("a change is awaiting confirmation")
			}
		}
		return nil
	})
	if err != nil || ctx.Err() != nil {
		return r.revert(ctx, ctx.Err())
	}
	return r.outcome(facts)
}

// outcome says how a change that is no longer pending has ended.
func (r *Rollout) outcome(facts map[string]*node.Facts) error {
	stopped := &StoppedError{Cause: errors.New("not confirmed")}
	for _, n := range r.armed {
		if facts[n.Node.Name].Restored() != "" {
			stopped.Back = append(stopped.Back, n.Node.Name)
		} else {
			stopped.Changed = append(stopped.Changed, n.Node.Name)
		}
	}
	if len(stopped.Back) == 0 {
		return nil
	}
	return stopped
}

// waiting lists the nodes with a change that is awaiting confirmation. Its error is a
// RefusedError if there is none.
func (r *Rollout) waiting(ctx context.Context) ([]inventory.Node, error) {
	facts, err := r.Inspect(ctx, r.inspection())
	if err != nil {
		return nil, err
	}
	var out []inventory.Node
	for _, n := range r.Everyone() {
		if _, pending := facts[n.Name].Pending(); pending {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		return nil, &plan.RefusedError{Refusals: []plan.Refusal{{Node: r.Cluster.Name, What: "no change is awaiting confirmation", Hint: "see `kplb history`"}}}
	}
	return out, nil
}

// Confirm confirms the change that is awaiting confirmation, after proving it again.
// It returns the names of the nodes.
func (r *Rollout) Confirm(ctx context.Context, patience time.Duration) ([]string, *verdict.Proof, error) {
	nodes, err := r.waiting(ctx)
	if err != nil {
		return nil, nil, err
	}
	proof, err := r.installed(ctx, patience)
	if err != nil {
		return nil, nil, err
	}
	if !proof.Acceptable() {
		return nil, proof, &verdict.ProofError{Proof: proof}
	}
	err = fleet.Each(nodes, func(n inventory.Node) error { return r.confirmNode(ctx, n, "", nil) })
	return namesOf(nodes), proof, err
}

// RevertPending reverts the change that is awaiting confirmation, one node after
// the other. It returns the names of the nodes.
func (r *Rollout) RevertPending(ctx context.Context) ([]string, error) {
	nodes, err := r.waiting(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Backward(nodes) {
		h, err := r.Connect(ctx, n)
		if err != nil {
			return nil, err
		}
		back := fleet.Event{Node: n.Name, Step: "taking the change back", Usual: activateUsual}
		err = r.During(back, func(waits func(string)) error {
			if err := revertPendingOn(ctx, r.Fleet, h, n); err != nil {
				return err
			}
			return awaitReady(ctx, r.Fleet, n, waits)
		})
		if err != nil {
			return nil, err
		}
	}
	return namesOf(nodes), nil
}

// revertPendingOn reverts whichever change is awaiting confirmation on the node.
func revertPendingOn(ctx context.Context, f *fleet.Fleet, h node.Host, n inventory.Node) error {
	return node.Revert(ctx, h, node.RevertRequest{Paths: managedPaths(f, n), Reason: "asked for by " + f.Operator})
}

func namesOf(nodes []inventory.Node) []string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.Name
	}
	return out
}
