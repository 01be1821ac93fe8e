package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// activateDaemons makes the daemons of a node use their new files, as a step.
func (c *nodeChange) activateDaemons(ctx context.Context) error {
	n := c.plan
	activating := fleet.Event{Node: n.Node.Name, Step: activates(n), Usual: usualActivation(n)}
	err := c.t.fleet.Step(activating, func() error { return c.activate(ctx) })
	if err == nil && (n.HAProxy != node.Leave || n.Keepalived != node.Leave) {
		c.t.progress.activatedNow()
	}
	return err
}

// activate makes the daemons of a node use their new files. A worker's kubelet is
// moved only after its balancer has reached an apiserver.
func (c *nodeChange) activate(ctx context.Context) error {
	n := c.plan
	at, ok := n.Balancer()
	if !ok || n.Kubelet == node.Leave {
		return node.Activate(ctx, c.host, fleet.LayoutOf(c.t.fleet.Cluster), c.t.activateRequest(n))
	}
	first, second := n, n
	first.Kubelet = node.Leave
	second.HAProxy, second.ReadUnits, second.Enable, second.Disable = node.Leave, false, nil, nil
	if err := node.Activate(ctx, c.host, fleet.LayoutOf(c.t.fleet.Cluster), c.t.activateRequest(first)); err != nil {
		return err
	}
	c.t.fleet.Report(fleet.Event{Node: n.Node.Name, Step: fmt.Sprintf("waiting for an apiserver through %s", at), Usual: time.Second})
	if err := awaitBalancer(ctx, c.t.fleet, n.Node, at); err != nil {
		return err
	}
	c.t.fleet.Report(fleet.Event{Node: n.Node.Name, Step: "kubelet", Usual: activateUsual})
	return node.Activate(ctx, c.host, fleet.LayoutOf(c.t.fleet.Cluster), c.t.activateRequest(second))
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

// activateRequest is what the daemons of a node have to do. One that starts keepalived
// last only stops it.
func (t *transaction) activateRequest(n plan.NodePlan) node.ActivateRequest {
	q := node.ActivateRequest{
		Txn: t.txn, Token: t.lock.Token, ReadUnits: n.ReadUnits, Sysctl: n.Sysctl, Enable: n.Enable, Disable: n.Disable,
		HAProxy: n.HAProxy, Keepalived: n.Keepalived, Kubelet: n.Kubelet, Redirect: n.Redirect, IPVS: n.IPVS,
		RestoreSettings: n.RestoreSettings, RestoreFrom: n.RestoreFrom, NoBind6: n.NoBind6,
		UFWAllow: n.UFWAllow, UFWDelete: n.UFWDelete, HAProxyListens: n.HAProxyListens, Active: n.Active,
	}
	if n.StartKeepalivedLast && n.Keepalived == node.Restart {
		q.Keepalived = node.Stop
	}
	return q
}
