package rollout

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kplb/kplb/drill"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// exercise is one fault on one node, from the first sample to the last.
type exercise struct {
	r       *Rollout
	options DrillOptions
	fault   drill.Fault
	node    inventory.Node
	round   int
	held    bool // the node has the VIP

	from     string
	sampling *drill.Sampling
	seen     *drill.Run // nil: nothing was broken
}

const (
	// drillCalm is sampled before a fault, drillTail after everything is
	// proven again.
	drillCalm = 1500 * time.Millisecond
	drillTail = time.Second
	// drillDelay is how long a node waits with what cuts it off, see drill.sh.
	drillDelay = 300 * time.Millisecond
)

// run breaks the node, puts it back, and waits until everything is proven.
func (d *exercise) run(ctx context.Context) (*Proof, error) {
	dial, from, err := d.r.vantage(ctx, d.node)
	if err != nil {
		return nil, err
	}
	d.from = from
	sampler, err := d.r.sampler(dial, d.options)
	if err != nil {
		return nil, err
	}
	defer d.clean(ctx)
	if err := d.watch(ctx); err != nil {
		return nil, err
	}
	d.sampling = sampler.Start(ctx)
	proof, err := d.suffer(ctx)
	if err == nil {
		_ = sleep(ctx, drillTail) // whoever interrupts now wants to see what there is
	}
	end := d.sampling.Since()
	samples, breaks := d.sampling.Stop()
	if d.seen == nil {
		return proof, err
	}
	d.seen.Samples, d.seen.Breaks, d.seen.End = samples, breaks, end
	d.collect(ctx)
	return proof, err
}

// suffer is the time between the first samples and the last proof.
func (d *exercise) suffer(ctx context.Context) (*Proof, error) {
	if err := sleep(ctx, drillCalm); err != nil {
		return nil, err
	}
	d.r.report(Event{Node: d.node.Name, Step: d.fault.Name + ": " + d.fault.Does, Usual: d.options.Lasts})
	err := d.strike(ctx)
	var refused *node.RefusedError
	if errors.As(err, &refused) {
		return nil, err
	}
	d.seen = &drill.Run{
		Fault: d.fault, Node: d.node.Name, Round: d.round, Every: d.options.Every, Limit: d.options.Limit,
		Held: len(d.r.Cluster.Nodes), Struck: d.sampling.Since(), MendedBy: "nobody that is known",
	}
	if d.fault.Cuts {
		d.seen.Struck += drillDelay
	}
	for _, n := range d.r.Cluster.Nodes {
		d.seen.Nodes = append(d.seen.Nodes, n.Name)
	}
	if err == nil {
		err = sleep(ctx, d.options.Lasts)
	}
	if mendErr := d.mend(ctx); mendErr != nil {
		return nil, mendErr
	}
	if err != nil {
		return nil, err
	}
	d.r.report(Event{Step: "waiting until everything is proven again", Usual: proofUsual})
	proof, err := d.r.awaitWell(ctx, d.options.Patience)
	if err == nil {
		d.seen.Well = d.sampling.Since()
	}
	return proof, err
}

// mend puts the node back, whether ctx is done or not. One that is cut off
// does it by itself, and is waited for.
func (d *exercise) mend(ctx context.Context) error {
	interrupted := ctx.Err() != nil
	patience := d.options.Lasts + drillGrace
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(patience, time.Minute)+d.options.Power)
	defer cancel()
	broken := func(err error) error { return &BrokenError{d.node.Name, d.fault, patience, err} }
	d.r.report(Event{Node: d.node.Name, Step: d.fault.Name + ": " + d.fault.Mends})
	if d.fault.Off {
		if interrupted {
			return broken(context.Canceled)
		}
		patience = d.options.Power
		d.r.report(Event{Node: d.node.Name, Step: "waiting until you power it on", Usual: time.Minute})
	}
	if d.fault.Cuts {
		_ = sleep(ctx, 2*drillDelay) // the node began later than it was waited for
		if err := d.r.comeBack(ctx, d.node, patience); err != nil {
			return broken(err)
		}
	}
	err := d.mendNow(ctx)
	if errors.Is(err, remote.ErrConnectionLost) {
		if err = d.r.comeBack(ctx, d.node, patience); err == nil {
			err = d.mendNow(ctx)
		}
	}
	if err != nil {
		return broken(err)
	}
	d.seen.Mended = d.sampling.Since()
	d.seen.MendedBy = "the operator"
	return nil
}

// comeBack waits until a node answers over a new connection, and holds its
// lock again.
func (r *Rollout) comeBack(ctx context.Context, n inventory.Node, patience time.Duration) error {
	for end := time.Now().Add(patience); ; {
		r.drop(n)
		_, err := r.host(ctx, n)
		if err == nil {
			err = r.holdAgain(ctx, n)
		}
		if err == nil || time.Now().After(end) || sleep(ctx, again) != nil {
			return err
		}
	}
}

// holdAgain takes the lock that was this rollout's own, and is the node's
// until it has noticed that the connection is gone.
func (r *Rollout) holdAgain(ctx context.Context, n inventory.Node) error {
	err := r.hold(ctx, n)
	var held *node.LockedError
	if !errors.As(err, &held) || !strings.HasPrefix(held.By, r.Operator+" since ") {
		return err
	}
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	if _, _, err := node.Unlock(ctx, h); err != nil {
		return err
	}
	return r.hold(ctx, n)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// strike breaks the node.
func (d *exercise) strike(ctx context.Context) error {
	at, _ := d.r.facts[d.node.Name].InterfaceOf(d.node.Address)
	h, err := d.r.host(ctx, d.node)
	if err != nil {
		return err
	}
	return node.Break(ctx, h, node.BreakRequest{
		Fault: d.fault.Name, Lasts: d.options.Lasts, MendAfter: d.options.Lasts + drillGrace,
		Interface: at.Interface, VIPs: d.r.Cluster.VIPs, APIServer: apiserverOf(d.r.Cluster, d.node),
	})
}

// mendNow asks the node to put itself back.
func (d *exercise) mendNow(ctx context.Context) error {
	h, err := d.r.host(ctx, d.node)
	if err != nil {
		return err
	}
	return node.Mend(ctx, h)
}
