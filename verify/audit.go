package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/doctor"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/verdict"
)

// Depth says how much an Audit checks beyond what it always checks.
type Depth struct {
	Tries int           // how many new connections to a VIP are made at most, until every apiserver has got one
	Idle  time.Duration // how long connections through the VIPs are held idle; 0: none are
}

// Audit checks what Installed checks, and what an apply has no time for but can be wrong
// although the VIP answers: the VIPs as seen from this machine and from every node, other
// hosts that answer for them, the apiservers behind them, and whether each node runs what
// is rendered. It repeats the checks, about 5 s each time, until all of them pass, for at
// most patience, and then holds idle connections. Its error says that no
// control-plane node could be inspected.
func Audit(ctx context.Context, f *fleet.Fleet, patience time.Duration, depth Depth, planner plan.Planner) (*verdict.Proof, error) {
	a := audit{f, depth, planner}
	var proof *verdict.Proof
	deadline := time.Now().Add(patience)
	err := fleet.Retry{Patience: patience}.Do(ctx, func() (err error) {
		if proof, err = a.look(ctx, time.Until(deadline)); err != nil {
			return fleet.Final(err)
		}
		return notAcceptable(proof)
	})
	if err != nil && !errors.As(err, &unacceptableError{}) {
		return nil, err
	}
	if depth.Idle > 0 && ctx.Err() == nil {
		f.Report(fleet.Event{Step: fmt.Sprintf("holding idle connections for %s", depth.Idle), Usual: depth.Idle})
		proof.Checks = append(proof.Checks, auditStreams(ctx, f, depth.Idle)...)
	}
	return proof, ctx.Err()
}

// audit is what an Audit works with.
type audit struct {
	fleet   *fleet.Fleet
	depth   Depth
	planner plan.Planner
}

// mostMoves is how often a look is repeated because a VIP has moved.
const mostMoves = 2

// look makes all checks once. It makes them again if a VIP has moved meanwhile: results
// from before and after the move do not fit together.
func (a audit) look(ctx context.Context, patience time.Duration) (*verdict.Proof, error) {
	for moves := 0; ; moves++ {
		proof, moved, err := a.lookOnce(ctx, patience)
		if err != nil || !moved || moves == mostMoves {
			return proof, err
		}
	}
}

// auditing is the inspection of an Audit.
var auditing = fleet.Inspection{VRRP: true, Sysctls: true}

// lookOnce makes all checks once. It also says whether a VIP has moved meanwhile.
func (a audit) lookOnce(ctx context.Context, patience time.Duration) (proof *verdict.Proof, moved bool, err error) {
	if proof, err = until(ctx, a.fleet, reachedNodes(a.fleet, auditing), patience, Prove); err != nil {
		return nil, false, err
	}
	control, err := a.fleet.ControlPlane()
	if err != nil {
		return nil, false, err
	}
	before := a.holders()
	var all sync.WaitGroup
	var ways, behind []verdict.Check
	all.Go(func() { ways = auditWays(ctx, a.fleet, control) })
	all.Go(func() { behind = auditBackends(ctx, a.fleet, control, a.depth.Tries) })
	seen, err := doctor.LookReached(ctx, a.fleet, false)
	all.Wait()
	if err == nil {
		_, err = fleet.InspectReached(ctx, a.fleet, auditing)
	}
	if err != nil {
		return nil, false, err
	}
	proof.Checks = slices.Concat(proof.Checks, a.absent(ctx, control), ways, a.answers(seen), a.states(), behind, a.nodes())
	return proof, !maps.Equal(before, a.holders()), ctx.Err()
}

// absent are the checks of the nodes that could not be asked. Of their apiservers others
// know whether they answer.
func (a audit) absent(ctx context.Context, control *apiserver.ControlPlane) []verdict.Check {
	out := unasked(a.fleet)
	absent := fleet.Absent(a.fleet)
	for _, n := range a.fleet.Cluster.Nodes {
		if absent[n.Name] == nil {
			continue
		}
		at := a.fleet.Cluster.APIServerAddress(n)
		err := control.Reach(ctx, a.fleet.Present()[0].Name, at, "/healthz")[0]
		check := answer(n.Name, fmt.Sprintf("/healthz on %s", at), err)
		check.Hint = "" // that of the node helps
		out = append(out, check)
	}
	return out
}

// holders are the nodes that hold the VIPs; empty for a VIP without exactly one holder.
func (a audit) holders() map[netip.Addr]string {
	out, facts := map[netip.Addr]string{}, a.fleet.Facts()
	for _, vip := range a.fleet.Cluster.VIPs {
		out[vip] = node.Holder(vip, a.fleet.Everyone(), facts)
	}
	return out
}

// answers are the checks of a doctor survey that matter while kplb runs.
func (a audit) answers(seen *doctor.Survey) []verdict.Check {
	out := make([]verdict.Check, 0, len(a.fleet.Present())*(len(a.fleet.Cluster.VIPs)+1))
	for _, n := range a.fleet.Present() {
		for _, vip := range a.fleet.Cluster.VIPs {
			out = append(out, seen.Answered(n, vip))
		}
		out = append(out, seen.Speakers(n))
	}
	return out
}

// states checks the VRRP states that keepalived on the nodes reports.
func (a audit) states() []verdict.Check {
	groups := a.fleet.Cluster.Groups()
	out := make([]verdict.Check, len(groups))
	for i, g := range groups {
		out[i] = checkStates(g, a.fleet.Present(), a.fleet.Facts())
	}
	return out
}

// nodes checks whether each node is as rendered.
func (a audit) nodes() []verdict.Check {
	facts, nodes := a.fleet.Facts(), a.fleet.Everyone()
	planNode := a.planner(facts)
	out := make([]verdict.Check, 0, 4*len(nodes))
	for _, n := range nodes {
		p, err := planNode(n)
		out = append(out, checkPlan(a.fleet.Cluster, n, facts[n.Name], p, err)...)
	}
	return out
}
