// Package rollout carries out a plan on the nodes of a cluster: it inspects, plans,
// changes one node after the other, and proves the result through the VIP.
//
// It guarantees that every node ends in its old or its new state. A change that is not
// proven and confirmed is reverted: by the rollout, or by the node itself if the
// operator is gone.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// Rollout changes the nodes of one cluster. Its methods are called one after
// the other. Close ends its connections.
type Rollout struct {
	*fleet.Fleet
	Templates *render.Templates
	Secrets   render.Secrets

	Forgotten []string // nodes that have left the inventory and no longer exist: they are not cleaned

	unmanaged bool // inspect also what only a rollback or a leaving node needs

	mu     sync.Mutex
	token  string          // of the locks that are held
	txn    string          // the change that is being made
	window time.Duration   // see Options
	armed  []plan.NodePlan // nodes that may be changed and are not confirmed, in the order of their changes

	restarts map[string]node.MeasuredRestart // how the apiservers have restarted in this rollout, by node

	activated time.Time // when the last daemons were told to load their new files

	// prover replaces the proof in tests; nil: proofOf decides.
	prover func(r *Rollout, ctx context.Context, patience time.Duration) (*verdict.Proof, error)
}

// inspection is what most commands ask the nodes.
func (r *Rollout) inspection() fleet.Inspection { return fleet.Inspection{Unmanaged: r.unmanaged} }

// managedPaths are the paths whose state a generation of the node keeps.
func managedPaths(f *fleet.Fleet, n inventory.Node) []string {
	if found := f.Facts()[n.Name]; found != nil {
		return found.ManagedPaths()
	}
	return node.ManagedPaths()
}

// reportStop reports why everything is reverted, before the revert, which takes a while.
func (r *Rollout) reportStop(cause error) {
	if len(r.armed) == 0 {
		return
	}
	why := "stopped: " + strings.ReplaceAll(cause.Error(), "\n", "; ")
	if errors.Is(cause, context.Canceled) {
		why = fmt.Sprintf("interrupted: what has changed is taken back; a second Ctrl-C leaves that to the nodes, which do it by themselves within %s", r.longestWindow())
	}
	r.Report(fleet.Event{Step: why, Done: true})
}
