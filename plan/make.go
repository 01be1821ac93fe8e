package plan

import (
	"fmt"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
)

// Make decides what has to change on every node, for in.Target. Its error is a
// refusal.Error that names everything in the way, or the error of a snapshot
// that could not be read.
func Make(in Input) (*Plan, error) {
	if err := in.refused(); err != nil {
		return nil, err
	}
	plan := &Plan{Cluster: in.Cluster, Facts: in.Facts, Absent: in.Absent}
	var plans []NodePlan
	var err error
	if in.Target == ToInventory {
		plans, err = in.planInventory()
	} else {
		plans, plan.Goal, err = in.planRollback()
		plan.Uninstall = in.uninstalls()
	}
	if err != nil {
		return nil, err
	}
	plan.Nodes = inOrder(plans)
	if plan.Uninstall {
		plan.Nodes = workersFirst(plan.Nodes)
	}
	plan.withAbsent = refuseWithout(&in, plan)
	return plan, nil
}

// refused returns everything that would make a rollout fail half way.
func (in *Input) refused() error {
	if err := refusal.Waiting(in.members(), in.Facts); err != nil {
		return err
	}
	if in.Target != ToInventory {
		return refuseRemaining(in)
	}
	var refused refusal.Error
	for _, n := range in.Nodes {
		refused.Refusals = append(refused.Refusals, refusal.OnNode(in.Cluster, n, in.Facts[n.Name])...)
	}
	if len(refused.Refusals) > 0 {
		return &refused
	}
	return nil
}

// planInventory plans every node, and refuses files with which their election
// would be unsound.
func (in *Input) planInventory() ([]NodePlan, error) {
	var plans []NodePlan
	for _, n := range in.members() {
		p, err := MakeNode(*in, n)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	if err := refuseStruck(in, plans); err != nil {
		return nil, err
	}
	return plans, refuseUnsound(in.Cluster, plans)
}

// uninstalls says whether every node is restored to its state before kplb.
func (in *Input) uninstalls() bool { return in.Target == ToGeneration && in.Generation == 0 }

// planRollback plans to bring every node to its generation: one that is no member then to
// the one from before kplb. The goal is Removed if that is where all go.
func (in *Input) planRollback() (plans []NodePlan, goal Goal, err error) {
	if in.Generation == 0 {
		goal = Removed
	}
	for _, n := range in.members() {
		p, err := rollbackNode(in, n, in.Facts[n.Name])
		if err != nil {
			return nil, goal, err
		}
		in.findForeign(&p)
		plans = append(plans, p)
	}
	if in.Generation > 0 {
		err = refuseStruck(in, plans)
	}
	return plans, goal, err
}

func rollbackNode(in *Input, n inventory.Node, f *node.Facts) (NodePlan, error) {
	switch {
	case in.isLeaving(n):
		return in.planLeaver(n, f)
	case makes(in, f):
		if refused := refusal.OnNode(in.Cluster, n, f); len(refused) > 0 {
			return NodePlan{}, &refusal.Error{Refusals: refused}
		}
		return in.makeNode(n)
	}
	return in.restoreNode(n, f, in.Generation)
}

// MakeNode plans one node for ToInventory: one that leaves, a worker or a
// control-plane node. It leaves out the refusals that Make starts with, see
// Refusals.
func MakeNode(in Input, n inventory.Node) (NodePlan, error) {
	p, err := in.makeNode(n)
	if err == nil {
		in.findForeign(&p)
	}
	return p, err
}

func (in *Input) makeNode(n inventory.Node) (NodePlan, error) {
	f := in.Facts[n.Name]
	switch {
	case in.isLeaving(n):
		return in.planLeaver(n, f)
	case n.Worker:
		return in.planWorker(n, f)
	}
	p, err := in.planNode(n, f)
	if err == nil {
		err = in.handOverToIPVS(&p, f)
	}
	return p, err
}

func (in *Input) planNode(n inventory.Node, f *node.Facts) (NodePlan, error) {
	address, _ := f.InterfaceOf(n.Address)
	facts := render.Facts{Interface: address.Interface, HAProxy: f.HAProxy.Version, Keepalived: f.Keepalived.Version, Expect: in.ExpectedStatus}
	if !f.HAProxy.Installed { // the plan is made again after it was installed
		facts.HAProxy = render.DefaultHAProxy
	}
	if !f.Keepalived.Installed {
		facts.Keepalived = render.DefaultKeepalived
	}
	artifacts, err := in.Templates.Node(in.Cluster, n, facts)
	if err != nil {
		return NodePlan{}, fmt.Errorf("%s: %w", n.Name, err)
	}
	if err := render.ReadBack(artifacts, in.Cluster, n, facts); err != nil {
		return NodePlan{}, refusedFiles(n, err)
	}
	if err := refusal.Connections(in.Cluster, n, f, artifacts); err != nil {
		return NodePlan{}, err
	}
	speakers, err := readSpeakers(in.Cluster, n, artifacts)
	if err != nil {
		return NodePlan{}, err
	}
	for i := range artifacts {
		artifacts[i] = in.Secrets.Fill(artifacts[i])
	}
	b, err := compareNode(in.Cluster, n, f, artifacts)
	b.speakers = speakers
	in.blank(&b.NodePlan)
	if err != nil {
		return b.NodePlan, refusedManifest(n, err)
	}
	err = b.planCertificate(in.ClusterConfiguration)
	return b.NodePlan, err
}

// blank removes secrets from the diffs, whichever keyword they follow.
func (in *Input) blank(p *NodePlan) {
	for i, c := range p.Changes {
		p.Changes[i].Diff = in.Secrets.Blank(c.Diff)
	}
}

// refusedFiles refuses rendered files that do not match the inventory, as a template
// of the user may produce them.
func refusedFiles(n inventory.Node, err error) error {
	return &refusal.Error{Refusals: []refusal.Refusal{{
		Node: n.Name, What: "its rendered files do not match the inventory: " + err.Error(),
		Hint: "compare your template with `kplb templates NAME`",
	}}}
}
