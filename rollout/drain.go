package rollout

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// drainTime is how long what is under way at an apiserver has to come to its
// end before the apiserver is stopped: most requests take less. Watches are not
// waited for, their clients begin them again.
const drainTime = 3 * time.Second

// drain has every haproxy send new connections to the other apiservers, until
// the returned function is called. It is a courtesy: the nodes give the
// server back by themselves after a minute, and where it cannot be done,
// HAProxy's own retries are left.
func (r *Rollout) drain(ctx context.Context, n inventory.Node) (ready func()) {
	drained, connections := r.tellBalancers(ctx, n, "drain")
	if !drained {
		return func() {}
	}
	if connections {
		r.letEnd(ctx, n)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
		defer cancel()
		r.tellBalancers(ctx, n, "ready")
	}
}

// letEnd gives drainTime to what is under way.
func (r *Rollout) letEnd(ctx context.Context, n inventory.Node) {
	_ = r.step(Event{Node: n.Name, Step: "draining its apiserver", Usual: drainTime}, func() error {
		select {
		case <-ctx.Done():
		case <-time.After(drainTime):
		}
		return nil
	})
}

// drainLimit is more than a node takes for it.
const drainLimit = 15 * time.Second

// tellBalancers says whether one of them has done so, and whether one of those
// has connections to the server, or does not say.
func (r *Rollout) tellBalancers(ctx context.Context, n inventory.Node, state string) (told, connected bool) {
	var drained, busy atomic.Bool
	_ = r.each(r.reached(slices.Concat(r.leaving, r.Cluster.Nodes)), func(on inventory.Node) error { // a courtesy, see drain
		h, err := r.host(ctx, on)
		if err != nil {
			return err
		}
		s := node.Script("drain", map[string]string{"KPLB_SERVER": n.Name, "KPLB_STATE": state})
		s.Files = map[string][]byte{"haproxy.pl": node.ProgramFile("haproxy.pl")}
		return node.Run(ctx, h, s, func(record remote.Record) {
			if record.Key == "drained" {
				drained.Store(true)
				if len(record.Fields) != 1 || record.Fields[0] != "0" {
					busy.Store(true)
				}
			}
		})
	})
	return drained.Load(), busy.Load()
}
