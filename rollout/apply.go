package rollout

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/kplb/kplb/inventory"
)

// StoppedError says that a rollout stopped half way, and what is where.
type StoppedError struct {
	Node    string   // where it stopped
	Changed []string // nodes that were changed before it
	Touched bool     // Node itself was changed
	Left    []string // nodes that were not reached
	Cause   error
}

func (e *StoppedError) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *StoppedError) Unwrap() error { return e.Cause }

// Nothing says whether every node is as it was before.
func (e *StoppedError) Nothing() bool { return len(e.Changed) == 0 && !e.Touched }

// Summary says in words what is where.
func (e *StoppedError) Summary() string {
	var out []string
	if len(e.Changed) > 0 {
		out = append(out, "changed and working: "+strings.Join(e.Changed, ", "))
	}
	switch {
	case e.Node == "": // every node was done
	case e.Touched:
		out = append(out, "changed, not finished: "+e.Node)
	default:
		out = append(out, "as before: "+e.Node)
	}
	if len(e.Left) > 0 {
		out = append(out, "not reached, as before: "+strings.Join(e.Left, ", "))
	}
	return strings.Join(out, "; ")
}

// Apply carries out the plan. First every node checks its new files, all at
// once: a NodeErrors says that nothing was changed anywhere. Then one node
// changes after the other, and the first that fails ends it with a
// *StoppedError. The result is not proven here: see Verify.
func (r *Rollout) Apply(ctx context.Context, p *Plan) error {
	if err := r.rehearseAll(ctx, p); err != nil {
		return err
	}
	var changed []string
	for i, n := range p.Nodes {
		if n.Empty() {
			continue
		}
		touched, err := r.applyNode(ctx, n)
		if err != nil {
			stopped := &StoppedError{Node: n.Node.Name, Changed: changed, Touched: touched, Cause: err}
			for _, left := range p.Nodes[i+1:] {
				if !left.Empty() {
					stopped.Left = append(stopped.Left, left.Node.Name)
				}
			}
			return stopped
		}
		changed = append(changed, n.Node.Name)
	}
	return nil
}

// rehearseAll has every node stage its files and check them with its own
// daemons. Where these are yet to be installed, that happens later.
func (r *Rollout) rehearseAll(ctx context.Context, p *Plan) error {
	nodes := make([]inventory.Node, 0, len(p.Nodes))
	plans := map[string]NodePlan{}
	for _, n := range p.Nodes {
		if len(n.Changes) > 0 && len(n.Packages) == 0 {
			nodes, plans[n.Node.Name] = append(nodes, n.Node), n
		}
	}
	return r.each(nodes, func(n inventory.Node) error {
		h, err := r.host(ctx, n)
		if err != nil {
			return err
		}
		return r.rehearse(ctx, h, plans[n.Name])
	})
}

// applyNode changes one node. touched says whether anything on it may differ
// from before.
func (r *Rollout) applyNode(ctx context.Context, n NodePlan) (touched bool, err error) {
	h, err := r.host(ctx, n.Node)
	if err != nil {
		return false, err
	}
	if len(n.Packages) > 0 {
		if n, err = r.installPackages(ctx, h, n); err != nil {
			var refused *refusedByNode
			return !errors.As(err, &refused), err
		}
		touched = true
	}
	if n.APIServer {
		if err := r.othersReady(ctx, n.Node); err != nil {
			return touched, err
		}
	}
	if len(n.Changes) > 0 || n.Sysctl {
		if err := r.install(ctx, h, n); err != nil {
			var refused *refusedByNode
			return touched || !errors.As(err, &refused), err
		}
	}
	if n.APIServer {
		if err := r.awaitAPIServer(ctx, h, n.Node); err != nil {
			return true, err
		}
	}
	if err := r.activate(ctx, h, n); err != nil {
		return true, err
	}
	r.report(Event{Node: n.Node.Name, Step: "done", Done: true})
	return true, nil
}

// installPackages installs what is missing and plans the node again: the
// versions are known only now.
func (r *Rollout) installPackages(ctx context.Context, h Host, n NodePlan) (NodePlan, error) {
	r.report(Event{Node: n.Node.Name, Step: "installing " + strings.Join(n.Packages, ", "), Usual: packagesUsual})
	if err := run(ctx, h, n.Node.Name, packagesScript(n.Packages)); err != nil {
		return n, err
	}
	facts, err := r.inspectNodes(ctx, []inventory.Node{n.Node})
	if err != nil {
		return n, err
	}
	return r.planNode(n.Node, facts[n.Node.Name])
}

// newTransaction names one change of one node. Names sort by nothing.
func newTransaction() string { return strings.ToLower(rand.Text()[:12]) }

// refusedByNode is what a script refused to do before it changed anything.
type refusedByNode struct {
	node, what string
}

func (e *refusedByNode) Error() string { return fmt.Sprintf("%s: %s", e.node, e.what) }
