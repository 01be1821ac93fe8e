package rollout

import (
	"context"
	"errors"
	"sync"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
)

// History is the cluster's generations, by number, and the nodes that were not asked.
type History struct {
	Generations []member.Generation `json:"generations"`
	Unreachable map[string]string   `json:"unreachable,omitempty"` // why a node was not asked, by its name
}

// History lists what the nodes keep. Its error is a fleet.NodeErrors; what the other
// nodes keep comes with it.
func (r *Rollout) History(ctx context.Context) (History, error) {
	history, err := historyOf(ctx, r.Fleet, r.Fleet.Everyone())
	out := History{Generations: history.Generations(r.Fleet.Cluster)}
	var failed fleet.NodeErrors
	if errors.As(err, &failed) {
		out.Unreachable = map[string]string{}
		for name, why := range failed {
			out.Unreachable[name] = fleet.Reason(name, why)
		}
	}
	return out, err
}

// historyOf reads the generations of nodes, with their records. Its error is a
// fleet.NodeErrors.
func historyOf(ctx context.Context, f *fleet.Fleet, nodes []inventory.Node) (member.History, error) {
	var mu sync.Mutex
	out := member.History{}
	err := fleet.Each(nodes, func(n inventory.Node) error {
		list, err := generationsOf(ctx, f, n)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		out[n.Name] = list
		return nil
	})
	return out, err
}

func generationsOf(ctx context.Context, f *fleet.Fleet, n inventory.Node) ([]node.Generation, error) {
	h, err := f.Connect(ctx, n)
	if err != nil {
		return nil, err
	}
	return node.Generations(ctx, h)
}

// Forget removes kplb's own data from the nodes: the generations and what belongs to
// them. It locks all nodes (LockedError).
func (r *Rollout) Forget(ctx context.Context) error {
	lock, err := r.Fleet.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release(ctx)
	return fleet.Each(r.Fleet.Everyone(), func(n inventory.Node) error { return forget(ctx, r.Fleet, n, lock.Token) })
}

func forget(ctx context.Context, f *fleet.Fleet, n inventory.Node, token string) error {
	h, err := f.Connect(ctx, n)
	if err != nil {
		return err
	}
	return node.Forget(ctx, h, token)
}
