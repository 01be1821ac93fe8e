package rollout

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

// waiting lists the nodes with a change that is awaiting confirmation. Its error is a
// refusal.Error if there is none.
func waiting(ctx context.Context, f *fleet.Fleet) ([]inventory.Node, error) {
	facts, err := f.Inspect(ctx, fleet.Inspection{})
	if err != nil {
		return nil, err
	}
	var out []inventory.Node
	for _, n := range f.Everyone() {
		if _, pending := facts[n.Name].Pending(); pending {
			out = append(out, n)
		}
	}
	if err := refusal.Records(f.Everyone(), facts); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, &refusal.Error{Refusals: []refusal.Refusal{{Node: f.Cluster.Name, What: "no change is awaiting confirmation", Hint: "see `kplb history`"}}}
	}
	return out, nil
}

// Confirm confirms the change that is awaiting confirmation, after proving it again.
// It returns the names of the nodes. It locks all nodes: the change of an operator who is
// at work is not for others (LockedError).
func (r *Rollout) Confirm(ctx context.Context, patience time.Duration) ([]string, *verdict.Proof, error) {
	lock, err := r.Fleet.Lock(ctx)
	if err != nil {
		return nil, nil, notWithout(err)
	}
	defer lock.Release(ctx)
	nodes, err := waiting(ctx, r.Fleet)
	if err != nil {
		return nil, nil, err
	}
	proof, err := verify.Installed(ctx, r.Fleet, fleet.Inspection{}, patience)
	if err != nil {
		return nil, nil, err
	}
	if !proof.Acceptable() {
		return nil, proof, &verdict.ProofError{Proof: proof}
	}
	err = fleet.Each(nodes, func(n inventory.Node) error {
		return confirmNode(ctx, r.Fleet, nil, n, node.ConfirmRequest{Token: lock.Token, Paths: managedPaths(r.Fleet, n), Keep: keep})
	})
	if err == nil {
		err = levelOthers(ctx, r.Fleet, nodes, lock.Token)
	}
	return inventory.Names(nodes), proof, err
}

// notWithout is the error of a confirmation that some nodes were not there for.
func notWithout(err error) error {
	var failed fleet.NodeErrors
	if !errors.As(err, &failed) {
		return err
	}
	var off []string
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if fleet.IsUnreachable(failed[name]) {
			off = append(off, name)
		}
	}
	if off == nil {
		return err
	}
	return remote.WithHint(err, "a node that is off takes its change back when it boots, so the change cannot last on the others: turn "+strings.Join(off, " and ")+" on first, or take the change back with `kplb rollback --allow-unreachable`")
}

// levelOthers gives the members on which the confirmed change did nothing its generation,
// too, as whoever has made it would.
func levelOthers(ctx context.Context, f *fleet.Fleet, confirmed []inventory.Node, token string) error {
	facts := f.Facts()
	first := facts[confirmed[0].Name]
	r := first.PendingRecorded.Record
	if r == nil {
		return nil // an older kplb has staged the change
	}
	change, _ := first.Pending() // it was asked before
	others := slices.DeleteFunc(f.Everyone(), func(n inventory.Node) bool {
		_, member := r.Member(n.Name)
		return !member || slices.ContainsFunc(confirmed, func(m inventory.Node) bool { return m.Name == n.Name })
	})
	return leveling{change.Txn, token, change.About, r}.all(ctx, f, others)
}

// RevertPending reverts the change that is awaiting confirmation, one node after
// the other. It returns the names of the nodes. It locks all nodes, as Confirm does. One
// that cannot be reached, and is left out, reverts the change by itself.
func (r *Rollout) RevertPending(ctx context.Context) ([]string, error) {
	if _, err := inspectAll(ctx, r.Fleet, fleet.Inspection{}); err != nil {
		return nil, err
	}
	lock, err := r.Fleet.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Release(ctx)
	nodes, err := waiting(ctx, r.Fleet)
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Backward(nodes) {
		h, err := r.Fleet.Connect(ctx, n)
		if err != nil {
			return nil, err
		}
		back := fleet.Event{Node: n.Name, Step: "taking the change back", Usual: activateUsual}
		err = r.Fleet.During(back, func(waits func(string)) error {
			if err := revertPendingOn(ctx, r.Fleet, h, n, lock.Token); err != nil {
				return err
			}
			return awaitReady(ctx, r.Fleet, n, waits)
		})
		if err != nil {
			return nil, err
		}
	}
	return inventory.Names(nodes), nil
}

// revertPendingOn reverts whichever change is awaiting confirmation on the node.
func revertPendingOn(ctx context.Context, f *fleet.Fleet, h node.Host, n inventory.Node, token string) error {
	return node.Revert(ctx, h, fleet.LayoutOf(f.Cluster), node.RevertRequest{Token: token, Paths: managedPaths(f, n), Reason: "asked for by " + f.Operator})
}
