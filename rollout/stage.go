package rollout

import (
	"context"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/record"
)

// stage stages the files on every node, where the node's own daemons check them. Only
// renames and reloads remain to be done.
func (t *transaction) stage(ctx context.Context, p *plan.Plan) error {
	changing := selected(p.Nodes, func(n plan.NodePlan) bool { return !n.Empty() })
	return eachPlan(changing, func(n plan.NodePlan) error {
		h, err := t.fleet.Connect(ctx, n.Node)
		if err != nil {
			return err
		}
		checking := fleet.Event{Node: n.Node.Name, Step: "checking the new files", Usual: transactUsual, Brief: true}
		return t.fleet.Step(checking, func() error {
			return node.Stage(ctx, h, fleet.DistributionOf(t.fleet.Cluster), t.stageRequest(n, p.Record))
		})
	})
}

// stageRequest is what the node has to check and to stage.
func (t *transaction) stageRequest(n plan.NodePlan, r *record.Record) node.StageRequest {
	c := t.fleet.Cluster
	q := node.StageRequest{
		Txn: t.txn, Token: t.lock.Token, About: aboutOf(t.fleet), Number: r.Generation, Record: r.Bytes(),
		Paths: n.Paths, Window: t.windowOf(n), VIPs: c.VIPs, Interface: n.VIPInterface, QuickPort: n.Restart.QuickPort(c.Port),
	}
	for _, c := range n.Changes {
		q.Files = append(q.Files, node.StagedFile{
			Path: c.Path, Mode: c.Mode, Owner: c.Owner, Before: c.Before(), Content: c.Content, Remove: c.Remove,
		})
	}
	if issued := n.Certificate; issued != nil {
		l := fleet.LayoutOf(t.fleet.Cluster)
		q.Certificate = &node.StagedCertificate{
			Path: l.Certificate, KeyPath: l.CertificateKey,
			Config: issued.Config, Generation: issued.Generation, Before: issued.Before, Mode: issued.Mode, Owner: issued.Owner,
		}
	}
	return q
}
