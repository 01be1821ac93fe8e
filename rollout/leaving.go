package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/doctor"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
)

// goneError says that a node which left the inventory cannot be restored.
type goneError struct {
	name string
	error
}

func (e *goneError) Unwrap() error { return e.error }

func (e *goneError) Error() string {
	return fmt.Sprintf("%s is no longer in the inventory and has to be cleaned: %v", e.name, e.error)
}

// Hint says what to do about it.
func (e *goneError) Hint() string {
	return "turn it on, or name the port and user of its sshd in ~/.ssh/config; if the machine is gone for good, give --forget " + e.name + ", and never let it come back to this network with its keepalived running"
}

// proveGone refuses to forget a machine that is not gone, see doctor.Silent.
func (r *Rollout) proveGone(ctx context.Context, facts map[string]*node.Facts, m member.Membership) error {
	gone := m.Gone(r.Fleet.Cluster, facts, r.claims())
	for _, n := range gone {
		for _, at := range []netip.AddrPort{netip.AddrPortFrom(n.Address, sshPort), r.Fleet.Cluster.APIServerAddress(n)} {
			if through := r.answers(ctx, at); through != "" {
				return &refusal.Error{Refusals: []refusal.Refusal{{
					Node: n.Name, What: fmt.Sprintf("it is not gone: %s takes connections from %s", at, through),
					Hint: fmt.Sprintf("turn that machine off, or apply without --forget, which cleans it; where its sshd wants another port or user, name them in ~/.ssh/config (Host %s)", n.Address),
				}}}
			}
		}
	}
	return doctor.Silent(ctx, r.Fleet, gone)
}

// sshPort is where most machines have sshd.
const sshPort = 22

// probeTime is longer than a machine that is on takes to answer.
const probeTime = 3 * time.Second

// answers names a node from which an address takes connections; empty: there is none.
func (r *Rollout) answers(ctx context.Context, at netip.AddrPort) string {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	nodes := r.Fleet.Present()
	taken := make([]bool, len(nodes))
	_ = fleet.Each(nodes, func(n inventory.Node) error { // whoever cannot connect says nothing
		h := r.Fleet.Connection(n)
		i := slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })
		taken[i] = h != nil && apiserver.ProbeTCP(ctx, h.DialContext, at) == nil
		return nil
	})
	if i := slices.Index(taken, true); i >= 0 {
		return nodes[i].Name
	}
	return ""
}

// inspectLeavers finds and inspects the members that leave, except those in Forgotten. One
// that is another cluster's by now is left alone.
func inspectLeavers(ctx context.Context, r *Rollout, facts map[string]*node.Facts, m member.Membership) (map[string]*node.Facts, error) {
	if err := r.proveGone(ctx, facts, m); err != nil {
		return nil, err
	}
	leaving := m.Leavers(r.Fleet.Cluster, facts, r.claims())
	if len(leaving) == 0 {
		return facts, nil
	}
	return inspectThose(ctx, r, leaving, m)
}

// inspectThose inspects nodes that leave. Those that are still the cluster's are Leaving
// from then on.
func inspectThose(ctx context.Context, r *Rollout, leaving []inventory.Node, m member.Membership) (map[string]*node.Facts, error) {
	r.Fleet.SetLeaving(leaving)
	facts, err := r.Fleet.InspectNodes(ctx, leaving, fleet.Inspection{Unmanaged: true})
	var failed fleet.NodeErrors
	if errors.As(err, &failed) {
		for name, err := range failed {
			failed[name] = &goneError{name, err}
		}
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	if err := refusal.Records(leaving, facts); err != nil {
		return nil, err
	}
	r.Fleet.SetLeaving(slices.DeleteFunc(leaving, func(n inventory.Node) bool {
		keeps, whose := m.Keeps(r.Fleet.Cluster.Name, facts[n.Name])
		if !keeps {
			r.Fleet.Report(fleet.Event{Node: n.Name, Step: "left alone: it " + whose, Done: true})
		}
		return !keeps
	}))
	return facts, nil
}

// forgetLeavers removes kplb's own data from the nodes that have left.
func forgetLeavers(ctx context.Context, f *fleet.Fleet, token string) error {
	return fleet.Each(f.Leaving(), func(n inventory.Node) error { return forget(ctx, f, n, token) })
}
