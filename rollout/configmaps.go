package rollout

import (
	"context"
	"errors"
	"slices"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// addConfigMaps plans the changes of kubeadm's ConfigMaps. If the only change is a flag
// that kubeadm has to remember, an error becomes a note: the nodes work without it.
func addConfigMaps(ctx context.Context, f *fleet.Fleet, p *plan.Plan) error {
	var err error
	p.ConfigMaps, err = planConfigMaps(ctx, f, p.Uninstall)
	var refused *refusal.Error
	if err != nil && !f.Cluster.MovesClients() && !errors.As(err, &refused) && ctx.Err() == nil {
		p.Note("kubeadm-config is left alone, and a `kubeadm upgrade` may undo the flag of exposure shared-port: %v", err)
		return nil
	}
	return err
}

func planConfigMaps(ctx context.Context, f *fleet.Fleet, away bool) ([]plan.ConfigMapChange, error) {
	if !away && !managesConfigMaps(f) {
		return nil, nil
	}
	client, err := apiserverClient(ctx, f)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	changes, err := client.PlanConfigMaps(ctx, f.Cluster, f.CA(), away)
	var form *apiserver.ConfigMapError
	if errors.As(err, &form) {
		hint := "bring it to the form that kubeadm writes"
		if f.Cluster.MovesClients() {
			hint += ", or leave endpoint and certificates to yourself"
		}
		return nil, &refusal.Error{Refusals: []refusal.Refusal{{Node: f.Cluster.Name, What: form.Error(), Hint: hint}}}
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

// managesConfigMaps says whether kplb manages kubeadm's ConfigMaps, or may have done so in an
// earlier apply, whose flag a node still has.
func managesConfigMaps(f *fleet.Fleet) bool {
	return apiserver.ManagesConfigMaps(f.Cluster) || slices.ContainsFunc(f.Present(), func(n inventory.Node) bool {
		found := f.Facts()[n.Name]
		return found != nil && apiserver.HasManagedFlag(found.Files[found.Distribution.Layout().APIServerConfig].Content)
	})
}

func writeConfigMaps(ctx context.Context, f *fleet.Fleet, changes []plan.ConfigMapChange) error {
	if len(changes) == 0 {
		return nil
	}
	client, err := apiserverClient(ctx, f)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, c := range changes {
		err := f.Step(fleet.Event{Step: "writing ConfigMap " + c.Name}, func() error { return client.Write(ctx, c.ConfigMapChange) })
		if err != nil {
			return err
		}
	}
	return nil
}

// apiserverClient talks to an apiserver as the cluster's administrator.
func apiserverClient(ctx context.Context, f *fleet.Fleet) (*apiserver.Client, error) {
	control, err := f.ControlPlane()
	if err != nil {
		return nil, err
	}
	return control.Client(ctx)
}
