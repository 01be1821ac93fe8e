package rollout

import (
	"context"
	"errors"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// How long steps usually take, for progress messages.
const (
	packagesUsual = 30 * time.Second
	transactUsual = time.Second
	activateUsual = 3 * time.Second
	reloadUsual   = time.Second
)

// nodeChange is the change of one node in a transaction.
type nodeChange struct {
	t    *transaction
	host node.Host
	plan plan.NodePlan
}

// changeNode changes one node, which is armed from the first change on.
func (t *transaction) changeNode(ctx context.Context, n plan.NodePlan) error {
	h, err := t.fleet.Connect(ctx, n.Node)
	if err != nil {
		return err
	}
	c := nodeChange{t, h, n}
	if n.Listen != "" {
		if err := awaitQuorate(ctx, t.fleet, n.Node); err != nil {
			return err
		}
	}
	installing := fleet.Event{Node: n.Node.Name, Step: "installing files", Usual: transactUsual}
	if n.Restore {
		installing.Step = "restoring files"
	}
	if err := t.fleet.Step(installing, func() error { return c.transact(ctx) }); err != nil {
		return err
	}
	if err := c.useFiles(ctx); err != nil {
		return err
	}
	t.fleet.Report(fleet.Event{Node: n.Node.Name, Step: "changed", Done: true})
	return nil
}

// transact arms the node and renames its files into place. After an error the node may
// be armed, too, unless it has refused.
func (c *nodeChange) transact(ctx context.Context) error {
	err := node.Transact(ctx, c.host, fleet.LayoutOf(c.t.fleet.Cluster), node.TransactRequest{Txn: c.t.txn, Token: c.t.lock.Token})
	var refused *node.RefusedError
	if !errors.As(err, &refused) {
		c.t.progress.arm(c.plan)
	}
	return err
}

// useFiles makes the daemons and the apiserver use the files that are in place. If both
// use the same port, the apiserver leaves it before haproxy starts, and takes it after
// haproxy has stopped.
func (c *nodeChange) useFiles(ctx context.Context) error {
	daemons := func() error { return c.activateDaemons(ctx) }
	nothing := func() error { return nil }
	switch {
	case c.plan.APIServerAway:
		if err := daemons(); err != nil {
			return err
		}
		_, err := c.replaceManifest(ctx)
		return err
	case c.plan.Listen == "":
		return daemons()
	case c.plan.APIServerLast():
		if err := daemons(); err != nil {
			return err
		}
		return c.apiserver(ctx, nothing)
	case c.plan.Holder:
		// a haproxy that has just started sends connections to every server until its
		// first checks, also to an apiserver that is not ready
		if err := c.apiserver(ctx, nothing); err != nil {
			return err
		}
		return daemons()
	}
	return c.apiserver(ctx, daemons)
}
