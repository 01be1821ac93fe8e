package rollout

import (
	"context"
	"sync"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// watch has every node write down when it gets the VIP, and loses it.
func (d *exercise) watch(ctx context.Context) error {
	o := d.options
	lasts := drillCalm + o.Lasts + o.Patience + drillTail + time.Minute
	if d.fault.Off {
		lasts += o.Power
	}
	return d.r.each(d.r.Cluster.Nodes, func(n inventory.Node) error {
		h, err := d.r.host(ctx, n)
		if err != nil {
			return err
		}
		return node.StartWatch(ctx, h, node.WatchRequest{VIP: d.r.Cluster.VIP, Lasts: lasts})
	})
}

// drillGoodbye is how long the nodes may take to be tidied up.
const drillGoodbye = time.Minute

// clean removes what a drill has on the nodes. What cannot be reached loses it
// with its next reboot, and the next drill begins with it.
func (d *exercise) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drillGoodbye)
	defer cancel()
	_ = d.r.each(d.r.Cluster.Nodes, func(n inventory.Node) error { // as above
		h, err := d.r.host(ctx, n)
		if err != nil {
			return err
		}
		return node.EndDrill(ctx, h)
	})
}

// collect gathers the nodes' own records.
func (d *exercise) collect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drillGoodbye)
	defer cancel()
	var mu sync.Mutex
	changes := map[string][]drill.Change{}
	d.seen.Doubt = drill.Doubt
	_ = d.r.each(d.r.Cluster.Nodes, func(n inventory.Node) error { // who does not answer is blind
		h, err := d.r.host(ctx, n)
		if err != nil {
			return err
		}
		log := nodeLog{asked: d.sampling.Since()}
		log.DrillLog, err = node.ReadDrillLog(ctx, h)
		log.arrived = d.sampling.Since() - time.Since(log.At)
		mu.Lock()
		defer mu.Unlock()
		changes[n.Name] = log.changes(n.Name)
		d.seen.Doubt = max(d.seen.Doubt, log.doubt())
		if n.Name == d.node.Name {
			d.place(&log)
		}
		return err
	})
	var all []drill.Change
	for _, n := range d.r.Cluster.Nodes {
		if len(changes[n.Name]) == 0 {
			d.seen.Blind = append(d.seen.Blind, n.Name)
			changes[n.Name] = d.withoutPower(n)
		}
		all = append(all, changes[n.Name]...)
	}
	d.seen.Spans = drill.Spans(all, d.seen.End)
}

// place takes the node's word for when it was broken, and put back.
func (d *exercise) place(log *nodeLog) {
	within := func(at time.Duration) bool { return at > 0 && at < d.seen.End }
	if at, ok := log.at(log.Struck); ok && within(at) {
		d.seen.Struck = at
	}
	if at, ok := log.at(log.Mended); ok && within(at) && d.seen.Mended > 0 {
		d.seen.Mended = at
		if log.By != "" {
			d.seen.MendedBy = log.By
		}
	}
}

// withoutPower is what is known of a node that was off: it had the VIP before,
// or not, and had nothing then.
func (d *exercise) withoutPower(n inventory.Node) []drill.Change {
	if !d.fault.Off || n.Name != d.node.Name || !d.held {
		return nil
	}
	return []drill.Change{{Node: n.Name, At: 0, Holds: true}, {Node: n.Name, At: d.seen.Struck}}
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

func (l *nodeLog) changes(name string) []drill.Change {
	if l.At.IsZero() {
		return nil
	}
	out := make([]drill.Change, len(l.Changes))
	for i, c := range l.Changes {
		out[i] = drill.Change{Node: name, At: c.At - l.ahead(), Holds: c.Holds}
	}
	return out
}
