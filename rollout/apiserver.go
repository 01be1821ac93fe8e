package rollout

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
)

// apiserver installs the manifest and waits until the apiserver listens at its new
// address and is ready. It calls meanwhile as soon as the apiserver has left its old
// addresses.
func (c *nodeChange) apiserver(ctx context.Context, meanwhile func() error) error {
	f, n := c.t.fleet, c.plan
	defer drain(ctx, f, n.Node)()
	where := n.Listen
	if where == plan.AnyAddress(f.Cluster.Port) {
		where = "all addresses"
	}
	waiting := fleet.Event{Node: n.Node.Name, Step: "waiting for the apiserver on " + where, Usual: n.Restart.Usual}
	return f.During(waiting, func(waits func(string)) error {
		began := time.Now()
		replaced, err := c.replaceManifest(ctx)
		if err != nil {
			return err
		}
		if err := awaitListening(ctx, c.host, f.Cluster, n.Node, n.Listen, replaced, waits); err != nil {
			return err
		}
		return readyMeanwhile(ctx, meanwhile, func(ctx context.Context) error {
			err := awaitReady(ctx, f, n.Node, waits)
			if err == nil && n.Manifest != nil {
				c.t.progress.restarted(n, time.Since(began))
			}
			return err
		})
	})
}

// readyMeanwhile calls both at once. The context of ready ends if meanwhile fails.
func readyMeanwhile(ctx context.Context, meanwhile func() error, ready func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var both errgroup.Group
	both.Go(func() error {
		err := meanwhile()
		if err != nil {
			cancel()
		}
		return err
	})
	both.Go(func() error { return ready(ctx) })
	return both.Wait()
}

// replaceManifest returns what tells the new apiserver from those before it: nothing
// where the manifest stays, and the apiserver does not restart.
func (c *nodeChange) replaceManifest(ctx context.Context) (node.Replaced, error) {
	m := c.plan.Manifest
	if m == nil {
		return node.Replaced{}, nil
	}
	return node.ReplaceManifest(ctx, c.host, fleet.LayoutOf(c.t.fleet.Cluster), node.ManifestRequest{
		Txn: c.t.txn, Token: c.t.lock.Token, Before: m.Before(), Mode: m.Mode, Content: m.Content, Port: c.t.fleet.Cluster.Port,
	})
}

// awaitListening waits until the apiserver listens at its new addresses only. The old
// process does not count, nor one of the first of two manifests.
func awaitListening(ctx context.Context, h node.Host, c *inventory.Cluster, n inventory.Node, listen string, replaced node.Replaced, waits func(string)) error {
	at := plan.ListenAddrPort(listen, c.Port)
	for end := time.Now().Add(plan.RestartLimit); ; {
		elsewhere, err := node.AwaitListening(ctx, h, fleet.LayoutOf(c), node.AwaitRequest{Listen: at, After: replaced, Wait: node.AwaitLimit})
		switch {
		case err != nil || elsewhere == "":
			return err
		case !time.Now().Before(end) && elsewhere == listen:
			return fmt.Errorf("%s: the apiserver that listens on %s is still the one of the old manifest after %.0f s", n.Name, listen, plan.RestartLimit.Seconds())
		case !time.Now().Before(end):
			return fmt.Errorf("%s: the apiserver listens on %s, not on %s, after %.0f s", n.Name, elsewhere, listen, plan.RestartLimit.Seconds())
		}
		waits("it listens on " + elsewhere)
	}
}
