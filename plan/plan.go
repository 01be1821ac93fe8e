// Package plan decides what has to change on the nodes of a cluster, and says
// what that does to clients: from the inventory, the facts of the nodes and what
// their generations keep.
//
// Needs says what has to be known beyond the facts, and Make decides:
//
//	for requests := plan.Needs(in); len(requests) > 0; requests = plan.Needs(in) {
//		// read them into in.Snapshots
//	}
//	p, err := plan.Make(in)
//
// The package guarantees:
//
//   - It works on values. It reads no file, no clock and no machine, and the same
//     Input makes the same Plan.
//   - What would fail half way is refused before anything changes: a
//     refusal.Error names every reason, its node, and what to do about it.
//   - A plan is in the order in which its nodes may change, and Batches says which
//     of them may do so at once.
//   - Diffs, notes and sums show no secret.
package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/refusal"
)

// Plan is what a rollout does, node by node, in order.
type Plan struct {
	Cluster    *inventory.Cluster
	Nodes      []NodePlan
	ConfigMaps []ConfigMapChange      // which rollout adds; they are written when the nodes have confirmed
	Goal       Goal                   // what has to be proven after the plan was carried out
	Uninstall  bool                   // every node is restored to its state before kplb
	Facts      map[string]*node.Facts // that the plan was made from, by node
	Absent     []Absence              // nodes that are left out: nothing changes there
	notes      []string
	withAbsent []refusal.Refusal // what must not be done without them

	// Record is what every member has recorded afterwards; nil: nothing is recorded.
	Record *record.Record
	Back   *int // the generation that is gone back to; nil: none
}

// Goal is what has to be true when a plan has been carried out.
type Goal int

// The goals.
const (
	Installed Goal = iota // the VIP leads to every apiserver
	Removed               // the apiservers answer on their own addresses, and no node holds the VIP
)

// Empty says whether every node, and the cluster's own ConfigMaps, are as the
// inventory wants them.
func (p *Plan) Empty() bool {
	if len(p.ConfigMaps) > 0 {
		return false
	}
	for _, n := range p.Nodes {
		if !n.Empty() {
			return false
		}
	}
	return true
}

// Note adds to Notes.
func (p *Plan) Note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

// Notes are shown before the plan: changes that nodes have reverted by themselves,
// and what is left alone.
func (p *Plan) Notes() []string {
	out := slices.Clone(p.notes)
	for _, n := range p.Nodes {
		if f := p.Facts[n.Node.Name]; f != nil && f.Restored() != "" {
			out = append(out, n.Node.Name+": "+f.Restored())
		}
		if f := p.Facts[n.Node.Name]; f != nil && len(f.Unknown) > 0 {
			out = append(out, fmt.Sprintf("%s: %s: not known to this kplb, and left alone: a later one has made it, or somebody by hand", n.Node.Name, strings.Join(f.Unknown, ", ")))
		}
		for _, note := range n.notes {
			out = append(out, n.Node.Name+": "+note)
		}
	}
	return out
}

// Changing are the names of the nodes that change, in order.
func (p *Plan) Changing() []string {
	var out []string
	for _, n := range p.Nodes {
		if !n.Empty() {
			out = append(out, n.Node.Name)
		}
	}
	return out
}

// StartsVRRP says whether the keepalived of a node starts or restarts.
func (p *Plan) StartsVRRP() bool {
	return slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return n.Keepalived == node.Start || n.Keepalived == node.Restart })
}

// OpensFirewall says whether a firewall gets rules. Until then it may drop the
// adverts of other nodes.
func (p *Plan) OpensFirewall() bool {
	return slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return len(n.UFWAllow) > 0 })
}
