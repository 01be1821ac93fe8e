package rollout

import (
	"context"
	"errors"
	"slices"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// addConfigMaps plans the changes of kubeadm's ConfigMaps. If the only change is a flag
// that kubeadm has to remember, an error becomes a note: the nodes work without it.
func (r *Rollout) addConfigMaps(ctx context.Context, p *plan.Plan) error {
	var err error
	p.ConfigMaps, err = r.planConfigMaps(ctx, p.Uninstall)
	var refused *plan.RefusedError
	if err != nil && !r.Cluster.MovesClients() && !errors.As(err, &refused) && ctx.Err() == nil {
		p.Note("kubeadm-config is left alone, and a `kubeadm upgrade` may undo the flag of exposure shared-port: %v", err)
		return nil
	}
	return err
}

func (r *Rollout) planConfigMaps(ctx context.Context, away bool) ([]plan.ConfigMapChange, error) {
	if !away && !r.managed() {
		return nil, nil
	}
	client, err := r.apiserverClient(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	changes, err := client.PlanConfigMaps(ctx, r.Cluster, r.CA(), away)
	var form *apiserver.ConfigMapError
	if errors.As(err, &form) {
		hint := "bring it to the form that kubeadm writes"
		if r.Cluster.MovesClients() {
			hint += ", or leave endpoint and certificates to yourself"
		}
		return nil, &plan.RefusedError{Refusals: []plan.Refusal{{Node: r.Cluster.Name, What: form.Error(), Hint: hint}}}
	}
	if err != nil {
		return nil, err
	}
	var out []plan.ConfigMapChange
	for _, c := range changes {
		out = append(out, plan.ConfigMapChange{ConfigMapChange: c, Diff: remote.Clean(string(render.Diff("in "+c.Name, c.Before, "planned", c.After)))})
	}
	return out, nil
}

// managed says whether kplb manages kubeadm's ConfigMaps, or may have done so in an
// earlier apply, whose flag a node still has.
func (r *Rollout) managed() bool {
	return apiserver.ManagesConfigMaps(r.Cluster) || slices.ContainsFunc(r.Present(), func(n inventory.Node) bool {
		f := r.Facts()[n.Name]
		return f != nil && apiserver.HasManagedFlag(f.Files[kubeadm.ManifestPath].Content)
	})
}

func (r *Rollout) writeConfigMaps(ctx context.Context, changes []plan.ConfigMapChange) error {
	if len(changes) == 0 {
		return nil
	}
	client, err := r.apiserverClient(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, c := range changes {
		err := r.Step(fleet.Event{Step: "writing ConfigMap " + c.Name}, func() error { return client.Write(ctx, c.ConfigMapChange) })
		if err != nil {
			return err
		}
	}
	return nil
}
