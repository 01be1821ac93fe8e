package rollout

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// PlanRollback plans to bring the cluster to its generation of that number, with the
// members and the inventory of then; a negative number means the one before the one whose
// content is current. The plan is carried out and proven by the rollout that comes with
// it, whose fleet has to be closed, too. A LockedError names the operator who is at work on the nodes.
func (r *Rollout) PlanRollback(ctx context.Context, number int) (*Rollout, *plan.Plan, error) {
	r.Fleet.SetLeaving(nil)
	facts, err := inspectAll(ctx, r.Fleet, fleet.Inspection{Unmanaged: true})
	if err == nil {
		err = r.Fleet.RefuseLocked()
	}
	if err == nil {
		err = refusal.Records(r.Fleet.Everyone(), facts)
	}
	if err == nil {
		err = refusal.Waiting(r.Fleet.Everyone(), facts)
	}
	if err != nil {
		return r, nil, err
	}
	m, err := member.Identify(r.Fleet.Cluster, r.Fleet.Everyone(), facts, r.claims())
	if err != nil {
		return r, nil, err
	}
	if number == 0 {
		p, err := planRemoval(ctx, r, facts, m)
		return r, p, err
	}
	history, err := historyOf(ctx, r.Fleet, r.Fleet.Everyone())
	if err != nil {
		return r, nil, err
	}
	if m.Record != nil {
		history = history.Of(m.Record.Cluster.ID)
	}
	to, err := m.Back(r.Fleet.Cluster.Name, history, number)
	if err != nil {
		return r, nil, err
	}
	if to.Number == 0 {
		p, err := planRemoval(ctx, r, facts, m)
		return r, p, err
	}
	if to.Record == nil || to.Record.Inventory == "" {
		p, err := backUnrecorded(ctx, r, facts, m, to, history)
		return r, p, err
	}
	return backRecorded(ctx, r, m, to, history)
}

// backUnrecorded plans the way to a generation that an older kplb has made, whose
// inventory is not known: it is proven against the present one.
func backUnrecorded(ctx context.Context, r *Rollout, facts map[string]*node.Facts, m member.Membership, to member.BackTo, history member.History) (*plan.Plan, error) {
	to.Record = nil
	if err := to.RefuseGaps(r.Fleet.Everyone(), history); err != nil {
		return nil, err
	}
	if err := to.RefuseUnlike(r.Fleet.Everyone(), history); err != nil {
		return nil, err
	}
	in := r.input(facts)
	in.Target, in.Generation = plan.ToGeneration, to.Number
	p, err := planBack(ctx, r, in, m, to.Content)
	if err != nil {
		return nil, err
	}
	p.Record.Inventory = ""
	p.Note("generation %d has no record: an older kplb has made it; it is proven against the present inventory", to.Number)
	return p, nil
}

// backRecorded plans the way to a generation with the inventory that it was made of.
func backRecorded(ctx context.Context, r *Rollout, m member.Membership, to member.BackTo, history member.History) (*Rollout, *plan.Plan, error) {
	c, err := inventory.Parse(fmt.Sprintf("the inventory of generation %d", to.Number), []byte(to.Record.Inventory))
	if err != nil {
		return r, nil, &refusal.Error{Refusals: []refusal.Refusal{{
			Node: r.Fleet.Cluster.Name, What: fmt.Sprintf("generation %d was made of an inventory that this kplb does not take: %v", to.Number, err),
			Hint: "use kplb " + to.Record.Version + ", which has made it",
		}}}
	}
	reach(c, r.Fleet.Cluster)
	then := &Rollout{
		Fleet: r.Fleet.With(c), Templates: r.Templates, Secrets: r.Secrets, Forgotten: r.Forgotten, Version: r.Version, prove: r.prove,
	}
	facts, err := inspectThen(ctx, then, m, absentThen(c, r.Fleet.Cluster, m.Record))
	if err != nil {
		return then, nil, err
	}
	came := slices.DeleteFunc(then.Fleet.Everyone(), func(n inventory.Node) bool { return history[n.Name] != nil })
	more, err := historyOf(ctx, then.Fleet, came)
	if err != nil {
		return then, nil, err
	}
	if m.Record != nil {
		more = more.Of(m.Record.Cluster.ID)
	}
	for name, list := range more {
		history[name] = list
	}
	if err := to.RefuseGaps(then.Fleet.Reached(slices.Concat(c.Nodes, c.Workers)), history); err != nil {
		return then, nil, err
	}
	in := then.input(facts)
	in.Target, in.Generation, in.Made = plan.ToGeneration, to.Number, true
	if in.Secrets, err = secretsThen(then, r.Fleet.Cluster, facts); err != nil {
		return then, nil, err
	}
	in.ExpectedStatus = expectOf(facts)
	p, err := planBack(ctx, then, in, m, to.Content)
	if err == nil {
		err = refusePackages(p)
	}
	return then, p, err
}

// refusePackages refuses a node that comes back, and needs packages: their versions
// decide about files, and are known only when they are there.
func refusePackages(p *plan.Plan) error {
	var refused refusal.Error
	for _, n := range p.Nodes {
		if len(n.Packages) > 0 {
			packages := strings.Join(n.Packages, " ")
			refused.Refusals = append(refused.Refusals, refusal.Refusal{Node: n.Node.Name, What: "was a member then, and lacks the packages " + packages, Hint: "install them there (apt-get install " + packages + "), and try again"})
		}
	}
	if len(refused.Refusals) == 0 {
		return nil
	}
	return &refused
}

// secretsThen are those of the inventory of then, where files are made of it: what a
// generation keeps has its secrets already. The source that a node's record names is not
// asked: it may be a command. It has to be the one of the operator's own inventory.
func secretsThen(r *Rollout, now *inventory.Cluster, facts map[string]*node.Facts) (render.Secrets, error) {
	c := r.Fleet.Cluster
	made := slices.ContainsFunc(r.Fleet.Present(), func(n inventory.Node) bool { return facts[n.Name].Generation() == "" })
	if !made || c.VRRP.Auth == nil || reflect.DeepEqual(c.VRRP.Auth, now.VRRP.Auth) {
		return r.Secrets, nil
	}
	return nil, &refusal.Error{Refusals: []refusal.Refusal{{
		Node: c.Name, What: "vrrp.auth came from another source then, and a node's record is no reason to ask it",
		Hint: "give your inventory the vrrp.auth of then for this command",
	}}}
}

// inspectThen inspects the nodes of then, and those that are no members then and leave.
func inspectThen(ctx context.Context, r *Rollout, m member.Membership, leaving []inventory.Node) (map[string]*node.Facts, error) {
	facts, err := r.Fleet.Inspect(ctx, fleet.Inspection{Unmanaged: true})
	if err != nil {
		return nil, err
	}
	nodes := r.Fleet.Everyone()
	if err := refusal.Records(nodes, facts); err != nil {
		return nil, err
	}
	var refused refusal.Error
	for _, n := range nodes {
		if m.Record == nil {
			break
		}
		if keeps, whose := m.Keeps(m.Record.Cluster.Name, facts[n.Name]); !keeps {
			refused.Refusals = append(refused.Refusals, refusal.Refusal{Node: n.Name, What: "was a member then, and " + whose, Hint: "go to a generation without it, see `kplb history`"})
		}
	}
	if len(refused.Refusals) > 0 {
		return nil, &refused
	}
	if len(leaving) > 0 {
		if facts, err = inspectThose(ctx, r, leaving, m); err != nil {
			return nil, err
		}
	}
	return facts, r.Fleet.RefuseLocked()
}

// reach has the nodes of an earlier inventory be logged in to as the present one says,
// where they are the same.
func reach(then, now *inventory.Cluster) {
	present := slices.Concat(now.Nodes, now.Workers)
	for _, nodes := range [][]inventory.Node{then.Nodes, then.Workers} {
		for i, n := range nodes {
			j := slices.IndexFunc(present, func(m inventory.Node) bool { return m.Name == n.Name && m.Address == n.Address })
			if j >= 0 {
				nodes[i].SSH = present[j].SSH
			}
		}
	}
}

// absentThen are the nodes of the present inventory, and the present members, that are
// not in the inventory of then.
func absentThen(then, now *inventory.Cluster, current *record.Record) []inventory.Node {
	here := slices.Concat(now.Nodes, now.Workers)
	if current != nil {
		for _, m := range current.Members {
			n := m.Node(now.SSH)
			if !slices.ContainsFunc(here, func(o inventory.Node) bool { return o.Name == n.Name || o.Address == n.Address }) {
				here = append(here, n)
			}
		}
	}
	members := slices.Concat(then.Nodes, then.Workers)
	return slices.DeleteFunc(here, func(n inventory.Node) bool {
		return slices.ContainsFunc(members, func(o inventory.Node) bool { return o.Name == n.Name || o.Address == n.Address })
	})
}
