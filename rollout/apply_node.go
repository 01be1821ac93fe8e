package rollout

import (
	"context"
	"errors"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// stageAll stages the files on every node, where the node's own daemons check them.
// Only renames and reloads remain to be done.
func (r *Rollout) stageAll(ctx context.Context, p *plan.Plan) error {
	return r.eachPlan(p, func(n plan.NodePlan) bool { return !n.Empty() }, func(n plan.NodePlan) error {
		h, err := r.Connect(ctx, n.Node)
		if err != nil {
			return err
		}
		checking := fleet.Event{Node: n.Node.Name, Step: "checking the new files", Usual: transactUsual, Brief: true}
		return r.Step(checking, func() error { return node.Stage(ctx, h, r.stageRequest(n)) })
	})
}

// eachPlan calls do for all nodes that choose selects, at once.
func (r *Rollout) eachPlan(p *plan.Plan, choose func(plan.NodePlan) bool, do func(plan.NodePlan) error) error {
	var nodes []inventory.Node
	plans := map[string]plan.NodePlan{}
	for _, n := range p.Nodes {
		if choose(n) {
			nodes, plans[n.Node.Name] = append(nodes, n.Node), n
		}
	}
	return fleet.Each(nodes, func(n inventory.Node) error { return do(plans[n.Name]) })
}

// applyNode changes one node, which is armed from the first change on.
func (r *Rollout) applyNode(ctx context.Context, n plan.NodePlan) error {
	h, err := r.Connect(ctx, n.Node)
	if err != nil {
		return err
	}
	if n.Listen != "" {
		if err := awaitQuorate(ctx, r.Fleet, n.Node); err != nil {
			return err
		}
	}
	installing := fleet.Event{Node: n.Node.Name, Step: "installing files", Usual: transactUsual}
	if n.Restore {
		installing.Step = "restoring files"
	}
	if err := r.Step(installing, func() error { return r.transact(ctx, h, n) }); err != nil {
		return err
	}
	if err := r.useFiles(ctx, h, n); err != nil {
		return err
	}
	r.Report(fleet.Event{Node: n.Node.Name, Step: "changed", Done: true})
	return nil
}

// useFiles makes the daemons and the apiserver use the files that are in place. If both
// use the same port, the apiserver leaves it before haproxy starts, and takes it after
// haproxy has stopped.
func (r *Rollout) useFiles(ctx context.Context, h node.Host, n plan.NodePlan) error {
	daemons := func() error { return r.activateDaemons(ctx, h, n) }
	nothing := func() error { return nil }
	switch {
	case n.Listen == "":
		return daemons()
	case n.APIServerLast():
		if err := daemons(); err != nil {
			return err
		}
		return r.apiserver(ctx, h, n, nothing)
	case n.Holder:
		// a haproxy that has just started sends connections to every server until its
		// first checks, also to an apiserver that is not ready
		if err := r.apiserver(ctx, h, n, nothing); err != nil {
			return err
		}
		return daemons()
	}
	return r.apiserver(ctx, h, n, daemons)
}

func (r *Rollout) activateDaemons(ctx context.Context, h node.Host, n plan.NodePlan) error {
	activating := fleet.Event{Node: n.Node.Name, Step: activates(n), Usual: usualActivation(n)}
	err := r.Step(activating, func() error { return r.activate(ctx, h, n) })
	if err == nil && (n.HAProxy != node.Leave || n.Keepalived != node.Leave) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.activated = time.Now()
	}
	return err
}

// usualActivation is longer if a daemon starts, as it is watched for a moment.
func usualActivation(n plan.NodePlan) time.Duration {
	for _, a := range []node.Action{n.HAProxy, n.Keepalived, n.Kubelet} {
		if a == node.Start || a == node.Restart {
			return activateUsual
		}
	}
	return reloadUsual
}

// activates names the daemons that load new files on the node.
func activates(n plan.NodePlan) string {
	switch {
	case n.Node.Worker && n.HAProxy != node.Leave:
		return "haproxy"
	case n.Node.Worker:
		return "kubelet"
	}
	return "haproxy and keepalived"
}

// transact arms the node and renames its files into place. After an error the node may
// be armed, too, unless it has refused.
func (r *Rollout) transact(ctx context.Context, h node.Host, n plan.NodePlan) error {
	err := node.Transact(ctx, h, node.TransactRequest{Txn: r.txn, Token: r.token})
	var refused *node.RefusedError
	if !errors.As(err, &refused) {
		r.mu.Lock()
		r.armed = append(r.armed, n)
		r.mu.Unlock()
	}
	return err
}

// longestWindow is the window of the node that would revert last.
func (r *Rollout) longestWindow() time.Duration {
	longest := r.window
	for _, n := range r.armed {
		longest = max(longest, r.windowOf(n))
	}
	return longest
}

// windowOf is the window of a node. Nodes that revert the apiserver's manifest by
// themselves do so one after the other: each later one waits for one more restart.
func (r *Rollout) windowOf(n plan.NodePlan) time.Duration {
	if n.Listen == "" {
		return r.window
	}
	window := r.window + n.Restart.Longest
	for _, other := range r.Cluster.Nodes {
		if other.Name == n.Node.Name {
			break
		}
		window += n.Restart.Longest
	}
	return window
}
