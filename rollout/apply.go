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
	p, err := r.installPackages(ctx, p)
	if err != nil {
		return err
	}
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
			return &StoppedError{Node: n.Node.Name, Changed: changed, Touched: touched, Left: toDo(p.Nodes[i+1:]), Cause: err}
		}
		changed = append(changed, n.Node.Name)
	}
	return nil
}

// toDo names the nodes where something is to be done.
func toDo(nodes []NodePlan) []string {
	var out []string
	for _, n := range nodes {
		if !n.Empty() {
			out = append(out, n.Node.Name)
		}
	}
	return out
}

// rehearseAll has every node stage its files and check them with its own
// daemons.
func (r *Rollout) rehearseAll(ctx context.Context, p *Plan) error {
	return r.eachPlan(p, func(n NodePlan) bool { return len(n.Changes) > 0 }, func(n NodePlan) error {
		h, err := r.host(ctx, n.Node)
		if err != nil {
			return err
		}
		return run(ctx, h, n.Node.Name, installScript(n, true))
	})
}

// eachPlan does the same for all nodes that are chosen, at once.
func (r *Rollout) eachPlan(p *Plan, choose func(NodePlan) bool, do func(NodePlan) error) error {
	var nodes []inventory.Node
	plans := map[string]NodePlan{}
	for _, n := range p.Nodes {
		if choose(n) {
			nodes, plans[n.Node.Name] = append(nodes, n.Node), n
		}
	}
	return r.each(nodes, func(n inventory.Node) error { return do(plans[n.Name]) })
}

// applyNode changes one node. touched says whether anything on it may differ
// from before.
func (r *Rollout) applyNode(ctx context.Context, n NodePlan) (touched bool, err error) {
	h, err := r.host(ctx, n.Node)
	if err != nil {
		return false, err
	}
	if n.APIServer {
		if err := r.othersReady(ctx, n.Node); err != nil {
			return false, err
		}
	}
	if len(n.Changes) > 0 || n.Sysctl {
		r.report(Event{Node: n.Node.Name, Step: "installing files", Usual: installUsual})
		if err := run(ctx, h, n.Node.Name, installScript(n, false)); err != nil {
			var refused *refusedByNode
			return !errors.As(err, &refused), err
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

// installPackages installs what is missing, on all nodes at once, after every
// node has fetched it. The versions are known only then, so it plans again.
func (r *Rollout) installPackages(ctx context.Context, p *Plan) (*Plan, error) {
	missing := func(n NodePlan) bool { return len(n.Packages) > 0 }
	var lacking []string
	for _, n := range p.Nodes {
		if missing(n) {
			lacking = append(lacking, n.Node.Name)
		}
	}
	if len(lacking) == 0 {
		return p, nil
	}
	step := func(check bool) error {
		return r.eachPlan(p, missing, func(n NodePlan) error {
			h, err := r.host(ctx, n.Node)
			if err != nil {
				return err
			}
			return run(ctx, h, n.Node.Name, packagesScript(n.Packages, check))
		})
	}
	r.report(Event{Step: "fetching packages on " + strings.Join(lacking, ", "), Usual: packagesUsual})
	if err := step(true); err != nil {
		return nil, err
	}
	r.report(Event{Step: "installing packages on " + strings.Join(lacking, ", "), Usual: packagesUsual})
	err := step(false)
	if err == nil {
		p, err = r.Plan(ctx)
	}
	if err != nil {
		return nil, &StoppedError{Changed: lacking, Left: toDo(p.Nodes), Cause: err}
	}
	return p, nil
}

// newTransaction names one change of one node. Names sort by nothing.
func newTransaction() string { return strings.ToLower(rand.Text()[:12]) }

// refusedByNode is what a script refused to do before it changed anything.
type refusedByNode struct {
	node, what string
}

func (e *refusedByNode) Error() string { return fmt.Sprintf("%s: %s", e.node, e.what) }
