package rollout

import (
	"context"
	"slices"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// Generation is one confirmed state of a node. Number 0 is the state before kplb.
type Generation struct {
	Node    string `json:"node"`
	Number  int    `json:"generation"`
	Time    string `json:"time,omitempty"` // by the node's clock
	About   string `json:"about"`
	Current bool   `json:"current"`

	Unreachable string `json:"unreachable,omitempty"` // why the node was not asked: nothing else is known of it
}

// History lists the generations of all nodes, by node and number. Its error is a
// fleet.NodeErrors; the generations of the other nodes come with it.
func (r *Rollout) History(ctx context.Context) ([]Generation, error) {
	nodes := r.Fleet.Everyone()
	lists := make([][]Generation, len(nodes))
	err := fleet.Each(nodes, func(n inventory.Node) error {
		i := slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })
		list, err := generationsOf(ctx, r.Fleet, n)
		if err != nil {
			lists[i] = []Generation{{Node: n.Name, Unreachable: fleet.Reason(n.Name, err)}}
			return err
		}
		for _, g := range list {
			lists[i] = append(lists[i], Generation{Node: n.Name, Number: g.Number, Time: g.Time, About: g.About, Current: g.Current})
		}
		return nil
	})
	return slices.Concat(lists...), err
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
