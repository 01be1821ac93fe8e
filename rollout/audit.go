package rollout

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
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
func (r *Rollout) Audit(ctx context.Context, patience time.Duration, depth Depth) (*Proof, error) {
	deadline, moves := time.Now().Add(patience), 0
	for {
		proof, moved, err := r.auditOnce(ctx, time.Until(deadline), depth.Tries)
		switch {
		case err != nil:
			return nil, err
		case moved && moves < 2: // what was seen before and after does not go together
			moves++
			continue
		case !proof.Works() && time.Now().Before(deadline):
			if err := wait(ctx, again); err != nil {
				return nil, err
			}
			continue
		case depth.Idle > 0:
			r.report(Event{Step: fmt.Sprintf("connections are held without a word for %s", depth.Idle), Usual: depth.Idle})
			proof.Checks = append(proof.Checks, r.auditStreams(ctx, depth.Idle)...)
		}
		return proof, ctx.Err()
	}
}

// auditing is what an Audit asks the nodes.
func (r *Rollout) auditing() inspection { return inspection{wide: r.wide, status: true, audit: true} }

// auditOnce says whether a VIP has moved meanwhile, too.
func (r *Rollout) auditOnce(ctx context.Context, patience time.Duration, tries int) (proof *Proof, moved bool, err error) {
	if proof, err = r.until(ctx, patience, r.auditing(), r.prove); err != nil {
		return nil, false, err
	}
	ca, err := r.authority()
	if err != nil {
		return nil, false, err
	}
	before := r.holders()
	var all sync.WaitGroup
	var ways, behind []Check
	all.Go(func() { ways = r.auditWays(ctx, ca) })
	all.Go(func() { behind = r.auditBackends(ctx, ca, tries) })
	seen, err := r.look(ctx, false)
	all.Wait()
	if err == nil {
		_, err = r.inspectAll(ctx, r.auditing())
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
		out[vip], _ = checkHolder(vip, r.everyone(), r.facts)
	}
	return out
}

// auditAnswers are those of the survey that matter when kplb is at work.
func (r *Rollout) auditAnswers(seen *survey) []Check {
	out := make([]Check, 0, len(r.present())*(len(r.Cluster.VIPs)+1))
	for _, n := range r.present() {
		for _, vip := range r.Cluster.VIPs {
			out = append(out, seen.answered(n, vip))
		}
		out = append(out, seen.speakers(n).Check)
	}
	return out
}

// auditStates is what the keepalived of the nodes say of themselves.
func (r *Rollout) auditStates() []Check {
	groups := r.Cluster.Groups()
	out := make([]Check, len(groups))
	for i, g := range groups {
		out[i] = checkStates(g, r.present(), r.facts)
	}
	return out
}

// auditNodes is whether each node is as rendered.
func (r *Rollout) auditNodes(ctx context.Context) []Check {
	configuration, _ := r.loadConfiguration(ctx, r.facts) // without it a node's plan says what is missing
	in := planInput{expect: expectOf(r.facts), configuration: configuration}
	nodes := r.everyone()
	out := make([]Check, 0, 4*len(nodes))
	for _, n := range nodes {
		out = append(out, r.auditNode(ctx, n, r.facts[n.Name], in)...)
	}
	return out
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
