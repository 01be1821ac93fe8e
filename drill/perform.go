package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

// Options say what is broken, and how it is watched.
type Options struct {
	Faults   []Fault
	Node     string // a control-plane node; empty: whoever holds the first VIP when it is time
	Rounds   int
	Lasts    time.Duration // a fault, before it is put back; in whole seconds
	Every    time.Duration // a new connection begins
	Limit    time.Duration // and has failed without an answer
	Patience time.Duration // until everything is proven again
	Power    time.Duration // until a person has powered a node on
}

// grace is how much longer than its operator a node waits before it puts
// itself back.
const grace = 15 * time.Second

// BrokenError says that a node may still be as a drill has broken it.
type BrokenError struct {
	Node   string
	Fault  Fault
	Within time.Duration // by then the node puts itself back
	Cause  error
}

func (e *BrokenError) Error() string {
	if e.Fault.Off {
		return fmt.Sprintf("%s: is off: %v", e.Node, e.Cause)
	}
	return fmt.Sprintf("%s: is still broken (%s), and puts itself back within %s: %v", e.Node, e.Fault.Name, e.Within, e.Cause)
}

// Unwrap gives the cause.
func (e *BrokenError) Unwrap() error { return e.Cause }

// Hint says what to do about it.
func (e *BrokenError) Hint() string {
	if e.Fault.Off {
		return "power " + e.Node + " on; nothing on its disk was changed"
	}
	return "rebooting " + e.Node + " puts it back, too; nothing on its disk was changed"
}

// Perform breaks nodes on purpose, one at a time, puts them back, and measures
// what clients of the VIP notice meanwhile. It holds the locks of all nodes
// (node.LockedError). It begins each fault only when everything is proven (a
// *verdict.ProofError otherwise), and only where the others can do without the node
// (refusal.Error); the last proof comes after the last fault.
//
// Whatever happens, a node is put back: by this, also when ctx is done; by its
// own timer if the operator is gone; by a reboot. A *BrokenError says that it
// could not be seen to. The report has what was measured until then.
func Perform(ctx context.Context, f *fleet.Fleet, o Options) (*Report, *verdict.Proof, error) {
	lock, err := f.Lock(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer lock.Release(ctx)
	report := &Report{Cluster: f.Cluster.Name, VIP: f.Cluster.Entrance().String(), Began: time.Now(), Every: o.Every, Limit: o.Limit}
	proof, err := awaitProof(ctx, f, o.Patience)
	if err == nil {
		err = refusal.Records(f.Present(), f.Facts())
	}
	for round := 1; round <= o.Rounds && err == nil; round++ {
		for _, fault := range o.Faults {
			target, refused := chooseTarget(ctx, f, o.Node, proof, fault)
			if refused != nil {
				return report, proof, refused
			}
			r := &faultRun{Fleet: f, lock: lock, options: o, fault: fault, round: round, node: target, held: target.Name == proof.Holder}
			proof, err = r.run(ctx)
			if r.seen != nil {
				report.Runs = append(report.Runs, r.seen)
				report.From = addLocation(report.From, r.from)
			}
			if err != nil {
				break
			}
		}
	}
	report.Proven = err == nil && proof.OK()
	return report, proof, err
}

// addLocation names another place of clients, once.
func addLocation(places, one string) string {
	switch {
	case places == "":
		return one
	case slices.Contains(strings.Split(places, " and "), one):
		return places
	}
	return places + " and " + one
}

// awaitProof looks until everything is proven: then the last proof is OK, or
// the error says why not.
func awaitProof(ctx context.Context, f *fleet.Fleet, patience time.Duration) (*verdict.Proof, error) {
	var proof *verdict.Proof
	err := fleet.Retry{Patience: patience}.Do(ctx, func() (err error) {
		if proof, err = verify.Installed(ctx, f, fleet.Inspection{}, 0); err == nil && !proof.OK() {
			return &verdict.ProofError{Proof: proof}
		}
		f.DropLost(err)
		return err
	})
	if err != nil && ctx.Err() != nil {
		return proof, ctx.Err()
	}
	return proof, err
}
