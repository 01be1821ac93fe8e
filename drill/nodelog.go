package drill

import (
	"context"
	"sync"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// watch has every node write down when it gets the VIP, and loses it.
func (r *faultRun) watch(ctx context.Context) error {
	o := r.options
	lasts := calm + o.Lasts + o.Patience + tail + time.Minute
	if r.fault.Off {
		lasts += o.Power
	}
	return fleet.Each(r.Cluster.Nodes, func(n inventory.Node) error {
		h, err := r.Connect(ctx, n)
		if err != nil {
			return err
		}
		return node.StartWatch(ctx, h, node.WatchRequest{Token: r.lock.Token, VIP: r.Cluster.VIP, Lasts: lasts})
	})
}

// cleanupTimeout is how long the nodes may take to be tidied up.
const cleanupTimeout = time.Minute

// clean removes what a drill has on the nodes. What cannot be reached loses it
// with its next reboot, and the next drill begins with it.
func (r *faultRun) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	_ = fleet.Each(r.Cluster.Nodes, func(n inventory.Node) error { // as above
		h, err := r.Connect(ctx, n)
		if err != nil {
			return err
		}
		return node.EndDrill(ctx, h, r.lock.Token)
	})
}

// collect gathers the nodes' own records.
func (r *faultRun) collect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var mu sync.Mutex
	changes := map[string][]Change{}
	r.seen.Doubt = Doubt
	_ = fleet.Each(r.Cluster.Nodes, func(n inventory.Node) error { // who does not answer is blind
		h, err := r.Connect(ctx, n)
		if err != nil {
			return err
		}
		log := nodeLog{asked: r.sampling.Since()}
		log.DrillLog, err = node.ReadDrillLog(ctx, h)
		log.arrived = r.sampling.Since() - time.Since(log.At)
		mu.Lock()
		defer mu.Unlock()
		changes[n.Name] = log.changes(n.Name)
		r.seen.Doubt = max(r.seen.Doubt, log.doubt())
		if n.Name == r.node.Name {
			r.place(&log)
		}
		return err
	})
	var all []Change
	for _, n := range r.Cluster.Nodes {
		if len(changes[n.Name]) == 0 {
			r.seen.Blind = append(r.seen.Blind, n.Name)
			changes[n.Name] = r.withoutPower(n)
		}
		all = append(all, changes[n.Name]...)
	}
	r.seen.Spans = Spans(all, r.seen.End)
}

// place takes the node's word for when it was broken, and put back.
func (r *faultRun) place(log *nodeLog) {
	within := func(at time.Duration) bool { return at > 0 && at < r.seen.End }
	if at, ok := log.at(log.Struck); ok && within(at) {
		r.seen.Struck = at
	}
	if at, ok := log.at(log.Mended); ok && within(at) && r.seen.Mended > 0 {
		r.seen.Mended = at
		if log.By != "" {
			r.seen.MendedBy = log.By
		}
	}
}

// withoutPower is what is known of a node that was off: it had the VIP before,
// or not, and had nothing then.
func (r *faultRun) withoutPower(n inventory.Node) []Change {
	if !r.fault.Off || n.Name != r.node.Name || !r.held {
		return nil
	}
	return []Change{{Node: n.Name, At: 0, Holds: true}, {Node: n.Name, At: r.seen.Struck}}
}

// nodeLog is what one node has written down, as the run counts.
type nodeLog struct {
	*node.DrillLog
	asked   time.Duration // when it was asked
	arrived time.Duration // when its clock arrived
}

// ahead is how far the node's clock is, and doubt how well that is known: it
// said what time it is between the question and the answer.
func (l *nodeLog) ahead() time.Duration { return l.Clock - l.arrived }

func (l *nodeLog) doubt() time.Duration {
	if l.At.IsZero() {
		return 0
	}
	return l.arrived - l.asked
}

// at is when something was that the node has written down.
func (l *nodeLog) at(then time.Duration) (time.Duration, bool) {
	if then == 0 || l.At.IsZero() {
		return 0, false
	}
	return then - l.ahead(), true
}

func (l *nodeLog) changes(name string) []Change {
	if l.At.IsZero() {
		return nil
	}
	var out []Change
	for _, c := range l.Changes {
		out = append(out, Change{Node: name, At: c.At - l.ahead(), Holds: c.Holds})
	}
	return out
}
