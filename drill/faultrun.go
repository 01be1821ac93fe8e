package drill

import (
	"context"
	"errors"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/verdict"
	"github.com/kplb/kplb/verify"
)

// faultRun is one fault on one node, from the first sample to the last.
type faultRun struct {
	*fleet.Fleet
	lock    *fleet.Lock
	options Options
	fault   Fault
	node    inventory.Node
	round   int
	held    bool // the node has the VIP

	from     string
	sampling *Sampling
	seen     *Run // nil: nothing was broken
}

const (
	// calm is sampled before a fault, tail after everything is proven again.
	calm = 1500 * time.Millisecond
	tail = time.Second
	// delay is how long a node waits with what cuts it off, see drill.sh.
	delay = 300 * time.Millisecond
)

// run breaks the node, puts it back, and waits until everything is proven.
func (r *faultRun) run(ctx context.Context) (*verdict.Proof, error) {
	dial, from, err := clientLocation(ctx, r.Fleet, r.node)
	if err != nil {
		return nil, err
	}
	r.from = from
	sampler, err := newSampler(r.Fleet, dial, r.options)
	if err != nil {
		return nil, err
	}
	defer r.clean(ctx)
	if err := r.watch(ctx); err != nil {
		return nil, err
	}
	r.sampling = sampler.Start(ctx)
	proof, err := r.runFault(ctx)
	if err == nil {
		_ = fleet.Sleep(ctx, tail) // whoever interrupts now wants to see what there is
	}
	end := r.sampling.Since()
	samples, breaks := r.sampling.Stop()
	if r.seen == nil {
		return proof, err
	}
	r.seen.Samples, r.seen.Breaks, r.seen.End = samples, breaks, end
	r.seen.Stopped = r.seen.Well == 0 && ctx.Err() != nil
	r.collect(ctx)
	return proof, err
}

// runFault is the time between the first samples and the last proof.
func (r *faultRun) runFault(ctx context.Context) (*verdict.Proof, error) {
	if err := fleet.Sleep(ctx, calm); err != nil {
		return nil, err
	}
	r.Report(fleet.Event{Node: r.node.Name, Step: r.fault.Name + ": " + r.fault.Does, Usual: r.options.Lasts})
	err := r.strike(ctx)
	var refused *node.RefusedError
	if errors.As(err, &refused) {
		return nil, err
	}
	r.seen = &Run{
		Fault: r.fault, Node: r.node.Name, Round: r.round, Every: r.options.Every, Limit: r.options.Limit,
		Held: len(r.Cluster.Nodes), Struck: r.sampling.Since(), MendedBy: "nobody that is known",
	}
	if r.fault.Cuts {
		r.seen.Struck += delay
	}
	for _, n := range r.Cluster.Nodes {
		r.seen.Nodes = append(r.seen.Nodes, n.Name)
	}
	if err == nil {
		err = fleet.Sleep(ctx, r.options.Lasts)
	}
	if mendErr := r.mend(ctx); mendErr != nil {
		return nil, mendErr
	}
	if err != nil {
		return nil, err
	}
	r.Report(fleet.Event{Step: "waiting until everything is proven again", Usual: verify.Usual})
	proof, err := awaitProof(ctx, r.Fleet, r.options.Patience)
	if err == nil {
		r.seen.Well = r.sampling.Since()
	}
	return proof, err
}

// mend puts the node back, whether ctx is done or not. One that is cut off
// does it by itself, and is waited for.
func (r *faultRun) mend(ctx context.Context) error {
	interrupted := ctx.Err() != nil
	patience := r.options.Lasts + grace
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(patience, time.Minute)+r.options.Power)
	defer cancel()
	broken := func(err error) error { return &BrokenError{r.node.Name, r.fault, patience, err} }
	r.Report(fleet.Event{Node: r.node.Name, Step: r.fault.Name + ": " + r.fault.Mends})
	if r.fault.Off {
		if interrupted {
			return broken(context.Canceled)
		}
		patience = r.options.Power
		r.Report(fleet.Event{Node: r.node.Name, Step: "waiting until you power it on", Usual: time.Minute})
	}
	if r.fault.Cuts {
		_ = fleet.Sleep(ctx, 2*delay) // the node began later than it was waited for
		if err := r.comeBack(ctx, r.node, patience); err != nil {
			return broken(err)
		}
	}
	err := r.mendNow(ctx)
	if errors.Is(err, remote.ErrConnectionLost) {
		if err = r.comeBack(ctx, r.node, patience); err == nil {
			err = r.mendNow(ctx)
		}
	}
	if err != nil {
		return broken(err)
	}
	r.seen.Mended = r.sampling.Since()
	r.seen.MendedBy = "the operator"
	return nil
}

// comeBack waits until a node answers over a new connection, and holds its
// lock again.
func (r *faultRun) comeBack(ctx context.Context, n inventory.Node, patience time.Duration) error {
	return fleet.Retry{Patience: patience}.Do(ctx, func() error {
		r.Drop(n)
		if _, err := r.Connect(ctx, n); err != nil {
			return err
		}
		return r.lock.Retake(ctx, n)
	})
}

// strike breaks the node.
func (r *faultRun) strike(ctx context.Context) error {
	at, _ := r.Facts()[r.node.Name].InterfaceOf(r.node.Address)
	h, err := r.Connect(ctx, r.node)
	if err != nil {
		return err
	}
	return node.Break(ctx, h, fleet.LayoutOf(r.Cluster), node.BreakRequest{
		Token: r.lock.Token, Fault: r.fault.Name, Lasts: r.options.Lasts, MendAfter: r.options.Lasts + grace,
		Interface: at.Interface, VIPs: r.Cluster.VIPs, APIServer: r.Cluster.APIServerAddress(r.node),
	})
}

// mendNow asks the node to put itself back.
func (r *faultRun) mendNow(ctx context.Context) error {
	h, err := r.Connect(ctx, r.node)
	if err != nil {
		return err
	}
	return node.Mend(ctx, h, r.lock.Token)
}
