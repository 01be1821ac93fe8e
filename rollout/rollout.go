// Package rollout carries a cluster's rendered files to its nodes: it looks
// at the nodes, plans, changes one node after the other, and proves the
// result through the VIP.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/apiserver"
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

	Forgotten []string // nodes that have left the inventory, and are gone for good

	unmanaged bool // inspect what only a way back needs, too

	mu     sync.Mutex
	token  string          // of the locks that are held
	txn    string          // the change that is being made
	window time.Duration   // see Options
	armed  []plan.NodePlan // nodes that may be changed and are not confirmed, in order

	restarts map[string]node.MeasuredRestart // how the apiservers have restarted

	activated time.Time // when the last daemons took their new files

	// prover is what a test proves a plan with; nil: what proofOf says.
	prover func(r *Rollout, ctx context.Context, patience time.Duration) (*verdict.Proof, error)
}

// usual is what most commands ask the nodes.
func (r *Rollout) inspection() fleet.Inspection { return fleet.Inspection{Unmanaged: r.unmanaged} }

// pathsOf is every path whose state belongs to a generation of the node.
func (r *Rollout) pathsOf(n inventory.Node) []string {
	if f := r.Facts()[n.Name]; f != nil {
		return f.ManagedPaths()
	}
	return node.ManagedPaths()
}

// quorate wants the control plane to work without the apiserver of a node.
func (r *Rollout) quorate(ctx context.Context, without inventory.Node) error {
	control, err := r.ControlPlane()
	if err != nil {
		return err
	}
	return control.Quorate(ctx, without)
}

// apiserverClient speaks with an apiserver as the cluster's administrator.
func (r *Rollout) apiserverClient(ctx context.Context) (*apiserver.Client, error) {
	control, err := r.ControlPlane()
	if err != nil {
		return nil, err
	}
	return control.Client(ctx)
}

// reportStop says why everything is taken back, before that takes its time.
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

// silently is of a step that nobody is told of.
func silently(string) {}
