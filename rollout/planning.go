package rollout

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Plan inspects the nodes and compares them with the inventory. Its error is
// a NodeErrors, or a RefusedError that names everything in the way.
func (r *Rollout) Plan(ctx context.Context) (*Plan, error) {
	r.leaving = nil
	facts, err := r.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	if facts, err = r.inspectLeavers(ctx, facts); err != nil {
		return nil, err
	}
	configuration, err := r.loadConfiguration(ctx, facts)
	if err != nil {
		return nil, err
	}
	plan, err := r.planFitting(ctx, facts, configuration)
	if err == nil {
		err = r.refuseKubelets(ctx, plan)
	}
	if err != nil {
		return nil, err
	}
	return plan, r.addConfigMaps(ctx, plan)
}

// planInput is what a plan depends on beside the facts of the nodes.
type planInput struct {
	expect        string // the statuses that HAProxy accepts from an apiserver; empty: 200
	configuration []byte // kubeadm's, where certificates are to be issued
}

func (r *Rollout) plan(ctx context.Context, facts map[string]*node.Facts, in planInput) (*Plan, error) {
	if refused := waitingRefusals(r.everyone(), facts); refused != nil {
		return nil, refused
	}
	var refused RefusedError
	for _, n := range r.everyone() {
		if !r.isLeaving(n) {
			refused.Refusals = append(refused.Refusals, refusals(r.Cluster, n, facts[n.Name])...)
		}
	}
	if len(refused.Refusals) > 0 {
		return nil, &refused
	}
	plan := &Plan{Cluster: r.Cluster, facts: facts, prove: (*Rollout).Verify}
	var plans []NodePlan
	for _, n := range r.everyone() {
		p, err := r.planMember(ctx, n, facts[n.Name], in)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	if err := refuseUnsound(r.Cluster, plans); err != nil {
		return nil, err
	}
	plan.Nodes = inOrder(plans)
	return plan, nil
}

// planMember plans a node by what it is to the cluster.
func (r *Rollout) planMember(ctx context.Context, n inventory.Node, f *node.Facts, in planInput) (NodePlan, error) {
	switch {
	case r.isLeaving(n):
		return r.planLeaver(ctx, n, f)
	case n.Worker:
		return r.planWorker(ctx, n, f, in)
	}
	p, err := r.planNode(n, f, in)
	if err == nil {
		err = r.planAlone(ctx, &p, f)
	}
	return p, err
}

func (r *Rollout) planNode(n inventory.Node, f *node.Facts, in planInput) (NodePlan, error) {
	address, _ := f.InterfaceOf(n.Address)
	facts := render.Facts{Interface: address.Interface, HAProxy: f.HAProxy.Version, Keepalived: f.Keepalived.Version, Expect: in.expect}
	if !f.HAProxy.Installed { // known once it is installed, and planned again then
		facts.HAProxy = render.DefaultHAProxy
	}
	if !f.Keepalived.Installed {
		facts.Keepalived = render.DefaultKeepalived
	}
	artifacts, err := r.Templates.Node(r.Cluster, n, facts)
	if err != nil {
		return NodePlan{}, fmt.Errorf("%s: %w", n.Name, err)
	}
	if err := render.ReadBack(artifacts, r.Cluster, n, facts); err != nil {
		return NodePlan{}, &RefusedError{[]Refusal{{
			Node: n.Name, What: "its files do not say what the inventory says: " + err.Error(),
			Cure: "compare your template with `kplb templates NAME`",
		}}}
	}
	if err := refuseConnections(r.Cluster, n, f, artifacts); err != nil {
		return NodePlan{}, err
	}
	speakers, err := readSpeakers(r.Cluster, n, artifacts)
	if err != nil {
		return NodePlan{}, err
	}
	for i := range artifacts {
		artifacts[i] = r.Secrets.Fill(artifacts[i])
	}
	p, err := planNode(r.Cluster, n, f, artifacts)
	p.speakers = speakers
	r.blank(&p)
	if err != nil {
		return p, badManifest(n, err)
	}
	return p, p.planCertificate(r.Cluster, f, in.configuration)
}

// blank takes the secrets out of a plan's diffs, whatever keyword they follow.
func (r *Rollout) blank(p *NodePlan) {
	for i, c := range p.Changes {
		p.Changes[i].Diff = r.Secrets.Blank(c.Diff)
	}
}

func badManifest(n inventory.Node, err error) error {
	return &RefusedError{[]Refusal{{
		Node: n.Name, What: err.Error(),
		Cure: "bring the manifest to the form that `kubeadm init phase control-plane apiserver` writes",
	}}}
}

// planNode compares a node with its artifacts.
func planNode(c *inventory.Cluster, n inventory.Node, f *node.Facts, artifacts []render.Artifact) (NodePlan, error) {
	p := newNodePlan(c, n, f)
	for _, d := range []struct {
		name string
		pkg  node.Package
	}{{"haproxy", f.HAProxy}, {"keepalived", f.Keepalived}} {
		if !d.pkg.Installed && (d.name != "haproxy" || c.Exposure != inventory.IPVS) {
			p.Packages = append(p.Packages, d.name)
		}
	}
	for _, a := range artifacts {
		if change, differs := compare(n, f, a, 0, 0); differs {
			p.Changes = append(p.Changes, change)
		}
	}
	p.planStale(f, artifacts)
	if err := p.planManifest(f, expose(c, n, exposureOn(c, f))); err != nil {
		return p, err
	}
	p.planEndpoint(c, f)
	p.planFirewall(c, f)
	p.consequences(c, f, artifacts)
	p.planIdentity(f, artifacts)
	p.planFailback(c, f)
	p.noteMetrics(c, f)
	return p, nil
}

func newNodePlan(c *inventory.Cluster, n inventory.Node, f *node.Facts) NodePlan {
	address, _ := f.InterfaceOf(n.Address)
	p := NodePlan{Node: n, Holder: f.HoldsAny(c.VIPs), Restart: restartOn(c, f), vipInterface: address.Interface, paths: f.ManagedPaths()}
	if c.Exposure != inventory.IPVS {
		p.serves = c.Frontends()
	}
	return p
}

// planManifest has the node's own apiserver manifest edited.
func (n *NodePlan) planManifest(f *node.Facts, edit func([]byte) ([]byte, error)) error {
	was, ok := f.Files[kubeadm.ManifestPath]
	if !ok {
		return fmt.Errorf("%s is not there", kubeadm.ManifestPath)
	}
	edited, err := edit(was.Content)
	if err != nil {
		return fmt.Errorf("%s %w", kubeadm.ManifestPath, err)
	}
	if bytes.Equal(edited, was.Content) {
		return nil
	}
	n.Manifest = &Change{
		Artifact: render.Artifact{
			Path: kubeadm.ManifestPath, Mode: was.Mode & fs.ModePerm, Content: edited, Effect: render.APIServerRestarts,
		},
		Owner: node.Owner{UID: was.UID, GID: was.GID}, Was: &was,
	}
	n.Manifest.describe(n.Node)
	return nil
}
