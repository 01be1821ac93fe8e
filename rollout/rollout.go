package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Rollout works on the nodes of one cluster. Its methods are called one after
// the other. Close ends its connections.
type Rollout struct {
	Cluster   *inventory.Cluster
	Templates *render.Templates
	Secrets   render.Secrets
	Dial      Dialer
	Report    func(Event) // called from several goroutines; nil: nobody listens

	// AllowUnreachable leaves out nodes that cannot be reached, as long as the
	// others are a majority. They converge at the next apply.
	AllowUnreachable bool

	Forgotten []string // nodes that have left the inventory, and are gone for good

	Operator string // who does this, and from where: for others who find the lock, and for history

	mu            sync.Mutex
	hosts         map[string]Host
	facts         map[string]*Facts
	absent        map[string]bool  // nodes that are left out because they cannot be reached
	leaving       []inventory.Node // that the inventory does not have any more
	admin         administrator
	expect        string // the statuses that HAProxy takes for an answer
	configuration []byte // kubeadm's, where certificates are to be issued
	wide          bool   // inspect what only a way back needs, too
	audit         bool   // and what only an Audit needs

	token  string        // of the locks that are held
	txn    string        // the change that is being made
	window time.Duration // see Options
	armed  []NodePlan    // nodes that may be changed and are not confirmed, in order

	activated time.Time // when the last daemons took their new files
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
func (r *Rollout) Inspect(ctx context.Context) (map[string]*Facts, error) {
	facts, err := r.inspectNodes(ctx, r.everyone())
	var failed NodeErrors
	if !r.AllowUnreachable || !errors.As(err, &failed) {
		return facts, err
	}
	err = r.leaveOut(failed)
	return maps.Clone(r.facts), err
}

func (r *Rollout) inspectNodes(ctx context.Context, nodes []inventory.Node) (map[string]*Facts, error) {
	err := r.each(nodes, func(n inventory.Node) error {
		f, err := r.inspectNode(ctx, n)
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.facts == nil {
			r.facts = map[string]*Facts{}
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

func (r *Rollout) inspectNode(ctx context.Context, n inventory.Node) (*Facts, error) {
	h, err := r.host(ctx, n)
	if err != nil {
		return nil, err
	}
	var f *Facts
	err = r.step(Event{Node: n.Name, Step: "looking at it", Brief: true}, func() (err error) {
		f, err = inspect(ctx, h, r.Cluster, n, inspection{wide: r.wide, status: r.audit, audit: r.audit})
		return err
	})
	return f, err
}

// host returns the connection to a node, made when it is first needed.
func (r *Rollout) host(ctx context.Context, n inventory.Node) (Host, error) {
	r.mu.Lock()
	h := r.hosts[n.Name]
	r.mu.Unlock()
	if h != nil {
		return h, nil
	}
	err := r.step(Event{Node: n.Name, Step: "connecting", Brief: true}, func() (err error) {
		h, err = r.Dial(ctx, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hosts == nil {
		r.hosts = map[string]Host{}
	}
	r.hosts[n.Name] = h
	return h, nil
}

// drop forgets a connection that does not answer any more.
func (r *Rollout) drop(n inventory.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.hosts[n.Name]; h != nil {
		_ = h.Close() // it is of no use any more
	}
	delete(r.hosts, n.Name)
}

// dropLost forgets the connections that a NodeErrors says are lost.
func (r *Rollout) dropLost(err error) {
	var failed NodeErrors
	if !errors.As(err, &failed) {
		return
	}
	for _, n := range r.everyone() {
		if err := failed[n.Name]; errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrClosed) {
			r.drop(n)
		}
	}
}

// Close ends the connections.
func (r *Rollout) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		_ = h.Close() // nothing is done with it any more
	}
	r.hosts = nil
}

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
	if err := r.loadConfiguration(ctx, facts); err != nil {
		return nil, err
	}
	plan, err := r.planFitting(ctx, facts)
	if err != nil {
		return nil, err
	}
	return plan, r.addObjects(ctx, plan)
}

func (r *Rollout) plan(ctx context.Context, facts map[string]*Facts) (*Plan, error) {
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
		p, err := r.planMember(ctx, n, facts[n.Name])
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
func (r *Rollout) planMember(ctx context.Context, n inventory.Node, f *Facts) (NodePlan, error) {
	switch {
	case r.isLeaving(n):
		return r.planLeaver(ctx, n, f)
	case n.Worker:
		return r.planWorker(ctx, n, f)
	}
	p, err := r.planNode(n, f)
	if err == nil {
		err = r.planAlone(ctx, &p, f)
	}
	return p, err
}

func (r *Rollout) planNode(n inventory.Node, f *Facts) (NodePlan, error) {
	address, _ := f.InterfaceOf(n.Address)
	facts := render.Facts{Interface: address.Interface, HAProxy: f.HAProxy.Version, Keepalived: f.Keepalived.Version, Expect: r.expect}
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
	return p, p.planCertificate(r.Cluster, f, r.configuration)
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
