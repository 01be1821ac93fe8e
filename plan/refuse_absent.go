package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// NeedsAbsent says whether the plan must not be carried out without the nodes that are
// left out.
func (p *Plan) NeedsAbsent() bool { return len(p.withAbsent) > 0 }

// RefuseAbsent refuses what must not be done without the nodes that are left out. Its
// error is a refusal.Error.
func (p *Plan) RefuseAbsent() error {
	if !p.NeedsAbsent() {
		return nil
	}
	return &refusal.Error{Refusals: slices.Clone(p.withAbsent)}
}

// without is a plan that leaves out nodes of the control plane.
type without struct {
	in     *Input
	plan   *Plan
	absent []Absence
}

// refuseWithout are the reasons why a plan has to wait for the nodes that are left out.
func refuseWithout(in *Input, p *Plan) []refusal.Refusal {
	var absent []Absence
	for _, a := range in.Absent {
		if slices.ContainsFunc(in.Cluster.Nodes, func(n inventory.Node) bool { return n.Name == a.Node.Name }) {
			absent = append(absent, a)
		}
	}
	w := without{in, p, absent}
	return slices.Concat(w.restarts(), w.clashes(), w.struck())
}

// restarts refuses to restart an apiserver where the others would be no majority:
// a rollout would find that only at its turn, after other nodes have changed.
func (w without) restarts() []refusal.Refusal {
	names := make([]string, len(w.absent))
	for i, a := range w.absent {
		names[i] = a.Node.Name
	}
	if len(w.absent) == 0 {
		return nil
	}
	off, all, quorum := strings.Join(names, " and "), len(w.in.Cluster.Nodes), w.in.Cluster.Quorum()
	var out []refusal.Refusal
	for _, n := range w.plan.Nodes {
		left := all - len(w.absent)
		if !n.Leaving {
			left--
		}
		if n.Node.Worker || n.Listen == "" || left >= quorum {
			continue
		}
		out = append(out, refusal.Refusal{
			Node: n.Node.Name, What: fmt.Sprintf("its apiserver would have to restart, and without %s no majority would be left: %d of %d, and %d are needed", off, left, all, quorum),
			Hint: "turn " + off + " on first",
		})
	}
	return out
}

// clashes refuses changes after which a node that comes back as it was, and another
// one, would both hold a VIP: the adverts of one would say nothing to the other, or not
// reach it.
func (w without) clashes() []refusal.Refusal {
	var out []refusal.Refusal
	for _, a := range w.absent {
		if !w.knownToSpeak(a.Node) {
			continue
		}
		refuse := func(what string, args ...any) {
			out = append(out, refusal.Refusal{
				Node: a.Node.Name, What: fmt.Sprintf("it is away (%s) ", a.Why) + fmt.Sprintf(what, args...),
				Hint: fmt.Sprintf("turn %s on first; if that machine is gone for good, take it out of the inventory, with --forget %[1]s", a.Node.Name),
			})
		}
		if slices.ContainsFunc(w.plan.Nodes, NodePlan.changesAdverts) {
			refuse("while what VRRP adverts say changes: when it comes back with the old ones, it and another node are both MASTER")
		}
		for _, n := range w.plan.Nodes {
			if w.joinsUnicast(n) {
				refuse("and does not learn of %s: when it comes back, the two do not hear each other, and both hold %s", n.Node.Name, inventory.Join(w.in.Cluster.VIPs, " and "))
			}
		}
	}
	return out
}

// struck refuses to strike a node from the others' peers that is a worker now, and was never
// cleaned of its keepalived.
func (w without) struck() []refusal.Refusal {
	var out []refusal.Refusal
	for _, a := range w.in.Absent {
		if isWorker(w.in.Cluster, a.Node) && w.knownToSpeak(a.Node) {
			out = append(out, refusal.Refusal{
				Node: a.Node.Name, What: fmt.Sprintf("it is away (%s), and still has keepalived of its time as a control-plane node: when it comes back, it and another node both hold %s", a.Why, inventory.Join(w.in.Cluster.VIPs, " and ")),
				Hint: fmt.Sprintf("turn %s on first", a.Node.Name),
			})
		}
	}
	return out
}

// changesAdverts says whether keepalived would not understand the adverts any more that
// it sends now.
func (n NodePlan) changesAdverts() bool {
	i := slices.IndexFunc(n.Changes, func(c Change) bool { return c.Path == render.KeepalivedPath })
	if i < 0 {
		return false
	}
	c := n.Changes[i]
	return !n.Leaving && !c.Remove && c.Was != nil && c.Stamp != render.Unstamped && vrrp.Clash(vrrp.Identities(c.Was.Content), vrrp.Identities(c.Content))
}

// joinsUnicast says whether a node begins to send and to expect unicast adverts that no
// other node knows of yet.
func (w without) joinsUnicast(n NodePlan) bool {
	i := slices.IndexFunc(n.Changes, func(c Change) bool { return c.Path == render.KeepalivedPath })
	return i >= 0 && !n.Leaving && n.Keepalived == node.Start && len(keepalived.Peers(n.Changes[i].after())) > 0 && !w.knownToSpeak(n.Node)
}

// knownToSpeak says whether kplb's files on another node have this one as a member.
func (w without) knownToSpeak(n inventory.Node) bool {
	for name, f := range w.in.Facts {
		if name == n.Name || f == nil {
			continue
		}
		known := func(at netip.Addr) bool { return at == n.Address || slices.Contains(n.Addresses, at) }
		if config := f.Files[render.KeepalivedPath].Content; render.Stamp(config) != render.Unstamped && slices.ContainsFunc(keepalived.Peers(config), known) {
			return true
		}
		for _, s := range member.ServersOf(f) {
			if at, err := netip.ParseAddrPort(s[1]); s[0] == n.Name || err == nil && known(at.Addr()) {
				return true
			}
		}
	}
	return false
}
