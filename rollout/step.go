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

// How long steps usually take, for progress messages.
const (
	packagesUsual = 30 * time.Second
	transactUsual = time.Second
	activateUsual = 3 * time.Second
	reloadUsual   = time.Second
)

// stageRequest is what the node has to check and to stage.
func (r *Rollout) stageRequest(n plan.NodePlan) node.StageRequest {
	q := node.StageRequest{
		Txn: r.txn, Token: r.token, About: r.Operator + ", cluster " + r.Cluster.Name,
		Paths: n.Paths, Window: r.windowOf(n), VIPs: r.Cluster.VIPs, Interface: n.VIPInterface, QuickPort: n.Restart.QuickPort(r.Cluster.Port),
	}
	for _, c := range n.Changes {
		q.Files = append(q.Files, node.StagedFile{
			Path: c.Path, Mode: c.Mode, Owner: c.Owner, Before: c.Before(), Content: c.Content, Remove: c.Remove,
		})
	}
	if c := n.Certificate; c != nil {
		q.Certificate = &node.StagedCertificate{
			Config: c.Config, Generation: c.Generation, Before: c.Before, Mode: c.Mode, Owner: c.Owner,
		}
	}
	return q
}

// apiserver installs the manifest and waits until the apiserver listens at its new
// address and is ready. It calls meanwhile as soon as the apiserver has left its old
// addresses.
func (r *Rollout) apiserver(ctx context.Context, h node.Host, n plan.NodePlan, meanwhile func() error) error {
	defer drain(ctx, r.Fleet, n.Node)()
	where := n.Listen
	if where == plan.AnyAddress(r.Cluster.Port) {
		where = "all addresses"
	}
	waiting := fleet.Event{Node: n.Node.Name, Step: "waiting for the apiserver on " + where, Usual: n.Restart.Usual}
	return r.During(waiting, func(waits func(string)) error {
		began := time.Now()
		replaced, err := r.replaceManifest(ctx, h, n)
		if err != nil {
			return err
		}
		if err := awaitListening(ctx, h, r.Fleet.Cluster.Port, n.Node, n.Listen, replaced, waits); err != nil {
			return err
		}
		ready, cancel := context.WithCancel(ctx)
		defer cancel()
		var both errgroup.Group
		both.Go(func() error {
			err := meanwhile()
			if err != nil {
				cancel()
			}
			return err
		})
		both.Go(func() error {
			err := awaitReady(ready, r.Fleet, n.Node, waits)
			if err == nil && n.Manifest != nil {
				r.restarted(n, time.Since(began))
			}
			return err
		})
		return both.Wait()
	})
}

// replaceManifest returns what tells the new apiserver from those before it: nothing
// where the manifest stays, and the apiserver does not restart.
func (r *Rollout) replaceManifest(ctx context.Context, h node.Host, n plan.NodePlan) (node.Replaced, error) {
	if n.Manifest == nil {
		return node.Replaced{}, nil
	}
	c := n.Manifest
	return node.ReplaceManifest(ctx, h, node.ManifestRequest{
		Txn: r.txn, Before: c.Before(), Mode: c.Mode, Content: c.Content, Port: r.Cluster.Port,
	})
}

// awaitListening waits until the apiserver listens at its new addresses only. The old
// process does not count, nor one of the first of two manifests.
func awaitListening(ctx context.Context, h node.Host, port uint16, n inventory.Node, listen string, replaced node.Replaced, waits func(string)) error {
	at := plan.ListenAddrPort(listen, port)
	for end := time.Now().Add(plan.RestartLimit); ; {
		elsewhere, err := node.AwaitListening(ctx, h, node.AwaitRequest{Listen: at, After: replaced, Wait: node.AwaitLimit})
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

func (r *Rollout) activateRequest(n plan.NodePlan) node.ActivateRequest {
	q := node.ActivateRequest{
		Txn: r.txn, ReadUnits: n.ReadUnits, Sysctl: n.Sysctl, Enable: n.Enable, Disable: n.Disable,
		HAProxy: n.HAProxy, Keepalived: n.Keepalived, Kubelet: n.Kubelet, Redirect: n.Redirect, IPVS: n.IPVS,
		RestoreSettings: n.RestoreSettings, RestoreFrom: n.RestoreFrom, NoBind6: n.NoBind6,
		UFWAllow: n.UFWAllow, UFWDelete: n.UFWDelete, HAProxyListens: n.HAProxyListens, Active: n.Active,
	}
	if n.StartKeepalivedLast && n.Keepalived == node.Restart {
		q.Keepalived = node.Stop
	}
	return q
}
