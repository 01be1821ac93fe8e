package rollout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Generation is one confirmed set of files on a node. Number 0 is what was
// there before kplb.
type Generation struct {
	Node    string `json:"node"`
	Number  int    `json:"generation"`
	Time    string `json:"time,omitempty"` // by the node's clock
	About   string `json:"about"`
	Current bool   `json:"current"`
}

// saved is the state that a generation keeps.
type saved struct {
	files        map[string]File
	absent       []string
	units        map[string]Unit
	nonlocalBind bool

	nonlocalBind6 bool // of IPv6
}

// History lists the generations of all nodes, by node and number.
func (r *Rollout) History(ctx context.Context) ([]Generation, error) {
	nodes := r.everyone()
	lists := make([][]Generation, len(nodes))
	err := r.each(nodes, func(n inventory.Node) error {
		i := slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })
		list, _, err := r.generations(ctx, n, "")
		lists[i] = list
		return err
	})
	return slices.Concat(lists...), err
}

// generations asks a node for its generations, and for the state of one.
func (r *Rollout) generations(ctx context.Context, n inventory.Node, number string) ([]Generation, *saved, error) {
	h, err := r.host(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	var list []Generation
	s := &saved{units: map[string]Unit{}}
	var current string
	var bad error
	err = run(ctx, h, n.Name, stateScript("generations", generationsBody, 30*time.Second, map[string]string{"KPLB_GENERATION": number}),
		func(record remote.Record) {
			switch {
			case record.Key == "generation" && len(record.Fields) == 3:
				i, _ := strconv.Atoi(record.Fields[0])
				list = append(list, Generation{Node: n.Name, Number: i, Time: record.Fields[1], About: record.Fields[2]})
			case record.Key == "current" && len(record.Fields) == 1:
				current = record.Fields[0]
			default:
				bad = errors.Join(bad, s.take(record))
			}
		})
	if bad != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", n.Name, bad))
	}
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(list, func(a, b Generation) int { return a.Number - b.Number })
	for i := range list {
		list[i].Current = strconv.Itoa(list[i].Number) == current
	}
	return list, s, nil
}

// take adds one record of generations.sh.
func (s *saved) take(r remote.Record) error {
	if r.Key == "nonlocal_bind" && len(r.Fields) == 1 {
		s.nonlocalBind = r.Fields[0] == "1"
		return nil
	}
	if r.Key == "nonlocal_bind6" && len(r.Fields) == 1 {
		s.nonlocalBind6 = r.Fields[0] == "1"
		return nil
	}
	if r.Key != "index" && r.Key != "units" && r.Key != "files" {
		return nil
	}
	data, err := r.Data(0)
	if err != nil {
		return fmt.Errorf("generation: record %s: %w", r.Key, err)
	}
	switch r.Key {
	case "index":
		for line := range strings.Lines(string(data)) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "absent "); ok {
				s.absent = append(s.absent, path)
			}
		}
	case "units":
		for line := range strings.Lines(string(data)) {
			if field := strings.Fields(line); len(field) == 3 {
				s.units[field[0]] = Unit{Active: field[1], File: field[2]}
			}
		}
	case "files":
		s.files, err = parseFiles(data)
	}
	return err
}

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
	if number == 0 && (r.managed() || slices.ContainsFunc(plans, moved)) {
		err = r.addObjects(ctx, plan)
	}
	return plan, err
}

func (r *Rollout) planNodeBack(ctx context.Context, n inventory.Node, f *Facts, number int) (NodePlan, int, error) {
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
	_, s, err := r.generations(ctx, n, strconv.Itoa(number))
	var refused *refusedByNode
	if errors.As(err, &refused) {
		return NodePlan{}, 0, noGeneration(n, refused.what)
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
	if now, ok := f.Files[certificatePath]; ok && !bytes.Equal(now.Content, s.files[certificatePath].Content) {
		_, current, err := r.generations(ctx, n, f.Generation())
		if err != nil {
			return p, number, err
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
func (n *NodePlan) planState(c *inventory.Cluster, f *Facts, s *saved) error {
	var artifacts []render.Artifact
	for _, path := range render.Paths() {
		want, ok := s.files[path]
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
	if _, there := f.Files[kubeadm.ManifestPath]; there || !n.Leaving { // who has left Kubernetes has none
		err := n.planManifest(f, func(source []byte) ([]byte, error) {
			return kubeadm.LikeIn(source, s.files[kubeadm.ManifestPath].Content)
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
	n.serves = frontendsIn(s.files[render.HAProxyPath].Content, c.VIPs)
	if s.units["haproxy"].Active != "active" {
		n.serves = nil
	}
	n.noBind6 = n.noBind6 && !s.nonlocalBind6
	_, applies := s.files[render.SysctlPath]
	switch {
	case direct(sysctlsIn(s.files[render.SysctlPath].Content)): // as consequences says
	case !s.nonlocalBind && f.NonlocalBind:
		n.Sysctl = SysctlOff
	case !s.nonlocalBind, !applies: // where it was on without our file, it is on
		n.Sysctl = SysctlLeave
	}
	return nil
}

func (n *NodePlan) planRemoval(f *Facts, path string) {
	was, there := f.Files[path]
	if !there {
		return
	}
	change := Change{
		Artifact: render.Artifact{Path: path, Mode: was.Mode, Effect: render.EffectOf(path)},
		Remove:   true, Owner: "0:0", Was: &was, Stamp: render.Stamp(was.Content),
	}
	change.describe(n.Node)
	n.Changes = append(n.Changes, change)
}

// wantUnits brings the daemons to what they did in the saved state.
func (n *NodePlan) wantUnits(f *Facts, s *saved) {
	for _, d := range []struct {
		name   string
		action *Action
	}{{"haproxy", &n.HAProxy}, {"keepalived", &n.Keepalived}} {
		unit := d.name + ".service"
		want, now := s.units[d.name], f.Units[unit]
		if want.Active != "active" {
			*d.action = Leave
			if now.Active == "active" {
				*d.action = Stop
			}
		}
		n.Enable = slices.DeleteFunc(n.Enable, func(u string) bool { return u == unit && want.File != "enabled" })
		if want.File == "disabled" && now.File == "enabled" {
			n.Disable = append(n.Disable, unit)
		}
	}
}

// Forget removes what kplb keeps on the nodes: generations, and what belongs
// to them.
func (r *Rollout) Forget(ctx context.Context) error {
	return r.each(r.everyone(), func(n inventory.Node) error { return r.forget(ctx, n) })
}

func (r *Rollout) forget(ctx context.Context, n inventory.Node) error {
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	return run(ctx, h, n.Name, stateScript("forget", forgetBody, time.Minute, nil), nil)
}
