package rollout

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// PlanBack plans to bring every node to a generation of its own. Negative:
// the one before the current one.
func (r *Rollout) PlanBack(ctx context.Context, number int) (*Plan, error) {
	r.wide = true
	facts, err := r.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	if refused := waitingRefusals(r.everyone(), facts); refused != nil {
		return nil, refused
	}
	plan := &Plan{Cluster: r.Cluster, facts: facts, prove: (*Rollout).Verify}
	var plans []NodePlan
	for _, n := range r.everyone() {
		p, to, err := r.planNodeBack(ctx, n, facts[n.Name], number)
		if err != nil {
			return nil, err
		}
		if to == 0 {
			plan.prove = (*Rollout).VerifyGone
		}
		plans = append(plans, p)
	}
	plan.Nodes = inOrder(plans)
	if plan.away = number == 0; plan.away {
		plan.Nodes = workersFirst(plan.Nodes)
	}
	if err := r.refuseKubelets(ctx, plan); err != nil {
		return nil, err
	}
	if number == 0 && (r.managed() || slices.ContainsFunc(plans, moved)) {
		err = r.addConfigMaps(ctx, plan)
	}
	return plan, err
}

func (r *Rollout) planNodeBack(ctx context.Context, n inventory.Node, f *node.Facts, number int) (NodePlan, int, error) {
	if n.Worker && f.Generation() == "" { // nothing was ever done there
		return newNodePlan(r.Cluster, n, f), number, nil
	}
	if number < 0 {
		current, err := strconv.Atoi(f.Generation())
		if err != nil {
			return NodePlan{}, 0, noGeneration(n, "the node has no generation yet")
		}
		number = current - 1
	}
	s, err := r.snapshot(ctx, n, number)
	var refused *node.RefusedError
	if errors.As(err, &refused) {
		return NodePlan{}, 0, noGeneration(n, refused.Reason)
	}
	if err != nil {
		return NodePlan{}, 0, err
	}
	p := newNodePlan(r.Cluster, n, f)
	p.Leaving = r.isLeaving(n)
	if n.Worker {
		p.serves = nil
		p.planBalancerBack(f, s)
		p.planEndpointBack(f, s)
		return p, number, nil
	}
	if now, ok := f.Files[kubeadm.CertificatePath]; ok && !bytes.Equal(now.Content, s.Files[kubeadm.CertificatePath].Content) {
		current := &node.Snapshot{}
		if newest, none := strconv.Atoi(f.Generation()); none == nil {
			if current, err = r.snapshot(ctx, n, newest); err != nil {
				return p, number, err
			}
		}
		p.planCertificateBack(f, s, current, number)
	}
	p.givesOf = number
	err = p.planState(r.Cluster, f, s)
	r.blank(&p)
	if err != nil {
		return p, number, badManifest(n, err)
	}
	return p, number, nil
}

func noGeneration(n inventory.Node, what string) error {
	return &RefusedError{[]Refusal{{Node: n.Name, What: what, Cure: "see `kplb history`"}}}
}

// planState compares a node with a saved state.
func (n *NodePlan) planState(c *inventory.Cluster, f *node.Facts, s *node.Snapshot) error {
	artifacts := n.planFilesBack(f, s, render.Paths())
	if _, there := f.Files[kubeadm.ManifestPath]; there || !n.Leaving { // who has left Kubernetes has none
		err := n.planManifest(f, func(source []byte) ([]byte, error) {
			return kubeadm.LikeIn(source, s.Files[kubeadm.ManifestPath].Content)
		})
		if err != nil {
			return err
		}
	}
	n.planEndpointBack(f, s)
	n.planFirewallBack(f, s)
	n.consequences(c, f, artifacts)
	n.planIdentity(f, artifacts)
	n.wantUnits(f, s)
	n.serves = frontendsIn(s.Files[render.HAProxyPath].Content, c.VIPs)
	if s.Units["haproxy"].Active != "active" {
		n.serves = nil
	}
	n.noBind6 = n.noBind6 && !s.NonlocalBind6
	_, applies := s.Files[render.SysctlPath]
	switch {
	case direct(sysctlsIn(s.Files[render.SysctlPath].Content)): // as consequences says
	case !s.NonlocalBind && f.NonlocalBind:
		n.Sysctl = node.SysctlOff
	case !s.NonlocalBind, !applies: // where it was on without our file, it is on
		n.Sysctl = node.SysctlLeave
	}
	return nil
}

// planFilesBack compares the files at these paths with a saved state, and
// returns those that it has.
func (n *NodePlan) planFilesBack(f *node.Facts, s *node.Snapshot, paths []string) []render.Artifact {
	var artifacts []render.Artifact
	for _, path := range paths {
		want, ok := s.Files[path]
		if !ok {
			n.planRemoval(f, path)
			continue
		}
		a := render.Artifact{Path: path, Mode: want.Mode, Content: want.Content, Effect: render.EffectOf(path)}
		artifacts = append(artifacts, a)
		if change, differs := compare(n.Node, f, a, want.UID, want.GID); differs {
			n.Changes = append(n.Changes, change)
		}
	}
	return artifacts
}

func (n *NodePlan) planRemoval(f *node.Facts, path string) {
	was, there := f.Files[path]
	if !there {
		return
	}
	change := Change{
		Artifact: render.Artifact{Path: path, Mode: was.Mode, Effect: render.EffectOf(path)},
		Remove:   true, Was: &was, Stamp: render.Stamp(was.Content),
	}
	change.describe(n.Node)
	n.Changes = append(n.Changes, change)
}

// wantUnits brings the daemons to what they did in the saved state.
func (n *NodePlan) wantUnits(f *node.Facts, s *node.Snapshot) {
	for _, d := range []struct {
		name   string
		action *node.Action
	}{{"haproxy", &n.HAProxy}, {"keepalived", &n.Keepalived}} {
		unit := d.name + ".service"
		want, now := s.Units[d.name], f.Units[unit]
		if want.Active != "active" {
			*d.action = node.Leave
			if now.Active == "active" {
				*d.action = node.Stop
			}
		}
		n.Enable = slices.DeleteFunc(n.Enable, func(u string) bool { return u == unit && want.File != "enabled" })
		if want.File == "disabled" && now.File == "enabled" {
			n.Disable = append(n.Disable, unit)
		}
	}
}
