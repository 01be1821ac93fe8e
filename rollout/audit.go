package rollout

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/doctor"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/verdict"
)

// Depth is how far an Audit goes beyond what it always looks at.
type Depth struct {
	Tries int           // new connections to a VIP, at most, until every apiserver was behind one
	Idle  time.Duration // for how long connections through the VIPs are held without a word; 0: none are
}

// Audit verifies as Verify does, and looks at everything that an apply has no
// time for, and that can be wrong although the VIP answers: from this machine
// and from every node, at who else answers for the VIPs, at who is behind them,
// and at whether each node runs what is rendered. It looks again, for at most
// patience, until everything is as it should be, and then holds connections.
// Each look takes about 5 s. Nothing is changed. What could not be looked at is
// a check that passes and says so. Its error says that looking itself did not
// work.
func (r *Rollout) Audit(ctx context.Context, patience time.Duration, depth Depth) (*verdict.Proof, error) {
	deadline, moves := time.Now().Add(patience), 0
	for {
		proof, moved, err := r.auditOnce(ctx, time.Until(deadline), depth.Tries)
		switch {
		case err != nil:
			return nil, err
		case moved && moves < 2: // what was seen before and after does not go together
			moves++
			continue
		case !proof.Acceptable() && time.Now().Before(deadline):
			if err := fleet.Sleep(ctx, again); err != nil {
				return nil, err
			}
			continue
		case depth.Idle > 0:
			r.Report(Event{Step: fmt.Sprintf("connections are held without a word for %s", depth.Idle), Usual: depth.Idle})
			proof.Checks = append(proof.Checks, r.auditStreams(ctx, depth.Idle)...)
		}
		return proof, ctx.Err()
	}
}

// auditing is what an Audit asks the nodes.
func (r *Rollout) auditing() fleet.Inspection {
	return fleet.Inspection{Unmanaged: r.wide, VRRP: true, Sysctls: true}
}

// auditOnce says whether a VIP has moved meanwhile, too.
func (r *Rollout) auditOnce(ctx context.Context, patience time.Duration, tries int) (proof *verdict.Proof, moved bool, err error) {
	if proof, err = r.until(ctx, patience, r.auditing(), r.prove); err != nil {
		return nil, false, err
	}
	control, err := r.ControlPlane()
	if err != nil {
		return nil, false, err
	}
	before := r.holders()
	var all sync.WaitGroup
	var ways, behind []verdict.Check
	all.Go(func() { ways = r.auditWays(ctx, control) })
	all.Go(func() { behind = r.auditBackends(ctx, control, tries) })
	seen, err := doctor.Look(ctx, r.Fleet, false)
	all.Wait()
	if err == nil {
		_, err = r.Inspect(ctx, r.auditing())
	}
	if err != nil {
		return nil, false, err
	}
	proof.Checks = slices.Concat(proof.Checks, ways, r.auditAnswers(seen), r.auditStates(), behind, r.auditNodes(ctx))
	return proof, !maps.Equal(before, r.holders()), ctx.Err()
}

// holders are the nodes that have the VIPs, where a single one has.
func (r *Rollout) holders() map[netip.Addr]string {
	out := map[netip.Addr]string{}
	for _, vip := range r.Cluster.VIPs {
		out[vip], _ = checkHolder(vip, r.Everyone(), r.Facts())
	}
	return out
}

// auditAnswers are those of the survey that matter when kplb is at work.
func (r *Rollout) auditAnswers(seen *doctor.Survey) []verdict.Check {
	out := make([]verdict.Check, 0, len(r.Present())*(len(r.Cluster.VIPs)+1))
	for _, n := range r.Present() {
		for _, vip := range r.Cluster.VIPs {
			out = append(out, seen.Answered(n, vip))
		}
		out = append(out, seen.Speakers(n))
	}
	return out
}

// auditStates is what the keepalived of the nodes say of themselves.
func (r *Rollout) auditStates() []verdict.Check {
	groups := r.Cluster.Groups()
	out := make([]verdict.Check, len(groups))
	for i, g := range groups {
		out[i] = checkStates(g, r.Present(), r.Facts())
	}
	return out
}

// auditNodes is whether each node is as rendered.
func (r *Rollout) auditNodes(ctx context.Context) []verdict.Check {
	configuration, _ := r.loadConfiguration(ctx, r.Facts()) // without it a node's plan says what is missing
	in := r.input(r.Facts())
	in.ExpectedStatus, in.ClusterConfiguration = expectOf(r.Facts()), configuration
	nodes := r.Everyone()
	out := make([]verdict.Check, 0, 4*len(nodes))
	for _, n := range nodes {
		out = append(out, r.auditNode(ctx, n, r.Facts()[n.Name], in)...)
	}
	return out
}
