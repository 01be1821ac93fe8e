package rollout

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/render"
)

// Rollout works on the nodes of one cluster. Its methods are called one after
// the other. Close ends its connections.
type Rollout struct {
	Cluster   *inventory.Cluster
	Templates *render.Templates
	Secrets   render.Secrets
	Dial      Dialer
	Network   DialFunc    // how this machine itself reaches the cluster; nil: over its own network
	Report    func(Event) // called from several goroutines; nil: nobody listens

	// AllowUnreachable leaves out nodes that cannot be reached, as long as the
	// others are a majority. They converge at the next apply.
	AllowUnreachable bool

	Forgotten []string // nodes that have left the inventory, and are gone for good

	Operator string // who does this, and from where: for others who find the lock, and for history

	mu      sync.Mutex
	hosts   map[string]node.Host
	facts   map[string]*node.Facts
	absent  map[string]bool  // nodes that are left out because they cannot be reached
	leaving []inventory.Node // that the inventory does not have any more
	admin   administrator
	wide    bool // inspect what only a way back needs, too

	token  string          // of the locks that are held
	txn    string          // the change that is being made
	window time.Duration   // see Options
	armed  []plan.NodePlan // nodes that may be changed and are not confirmed, in order

	restarts map[string]node.MeasuredRestart // how the apiservers have restarted

	activated time.Time // when the last daemons took their new files

	// prover is what a test proves a plan with; nil: what proofOf says.
	prover func(r *Rollout, ctx context.Context, patience time.Duration) (*Proof, error)
}

// NodeErrors are the errors of several nodes. Nothing was changed on them.
type NodeErrors map[string]error

// Error has one line for each node, in order of their names.
func (e NodeErrors) Error() string {
	lines := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		lines = append(lines, e[name].Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the nodes' errors, for errors.Is and errors.As.
func (e NodeErrors) Unwrap() []error {
	out := make([]error, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		out = append(out, e[name])
	}
	return out
}

// Inspect looks at all nodes at once, connecting to those it has no
// connection to. Its error is a NodeErrors.
func (r *Rollout) Inspect(ctx context.Context) (map[string]*node.Facts, error) {
	return r.inspectAll(ctx, r.usual())
}

// usual is what most commands ask the nodes.
func (r *Rollout) usual() inspection { return inspection{wide: r.wide} }

func (r *Rollout) inspectAll(ctx context.Context, more inspection) (map[string]*node.Facts, error) {
	facts, err := r.inspectNodes(ctx, r.everyone(), more)
	var failed NodeErrors
	if !r.AllowUnreachable || !errors.As(err, &failed) {
		return facts, err
	}
	err = r.leaveOut(failed)
	return maps.Clone(r.facts), err
}

func (r *Rollout) inspectNodes(ctx context.Context, nodes []inventory.Node, more inspection) (map[string]*node.Facts, error) {
	err := r.each(nodes, func(n inventory.Node) error {
		f, err := r.inspectNode(ctx, n, more)
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.facts == nil {
			r.facts = map[string]*node.Facts{}
		}
		r.facts[n.Name] = f
		return nil
	})
	return maps.Clone(r.facts), err
}

// most is how many nodes are worked on at once, where order does not matter.
const most = 32

// each does the same on several nodes at once. Its error is a NodeErrors.
func (r *Rollout) each(nodes []inventory.Node, do func(inventory.Node) error) error {
	errs := NodeErrors{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(most)
	for _, n := range nodes {
		g.Go(func() error {
			if err := do(n); err != nil {
				mu.Lock()
				errs[n.Name] = err
				mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func (r *Rollout) inspectNode(ctx context.Context, n inventory.Node, more inspection) (*node.Facts, error) {
	h, err := r.host(ctx, n)
	if err != nil {
		return nil, err
	}
	var f *node.Facts
	err = r.step(Event{Node: n.Name, Step: "looking at it", Brief: true}, func() (err error) {
		f, err = inspect(ctx, h, r.Cluster, n, more)
		return err
	})
	return f, err
}
