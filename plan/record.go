package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/vrrp"
)

// Next is the record that every member has when the plan has been carried out: of a new
// generation, one above every other; or the current one where nothing changes, not even
// what is recorded. newID is the cluster's identity if it has none yet.
func (p *Plan) Next(m member.Membership, newID string) *record.Record {
	id := newID
	if m.Record != nil {
		id = m.Record.Cluster.ID
	}
	r := record.New(p.Cluster, id, m.Highest+1)
	for _, n := range p.Nodes {
		if c := changesOf(n); len(c.Files) > 0 {
			r.Changes = append(r.Changes, c)
		}
	}
	r.Of = p.Back
	if p.changesNodes() || m.Record == nil || m.Taken || m.Record.Generation != m.Highest {
		return r
	}
	if p.Back != nil && *p.Back == m.Record.Content() || p.Back == nil && m.Record.Cluster.Name == r.Cluster.Name &&
		m.Record.Inventory == r.Inventory && sameMembers(m.Record.Members, r.Members) {
		return m.Record
	}
	return r
}

func sameMembers(a, b []record.Member) bool {
	return slices.EqualFunc(a, b, func(a, b record.Member) bool {
		return a.Name == b.Name && a.Role == b.Role && a.Address == b.Address &&
			a.SSH.Host == b.SSH.Host && a.SSH.Port == b.SSH.Port && a.SSH.User == b.SSH.User && slices.Equal(a.SSH.Jump, b.SSH.Jump)
	})
}

// changesNodes says whether a node changes.
func (p *Plan) changesNodes() bool {
	return slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return !n.Empty() })
}

// changesOf are the files that change on a node.
func changesOf(n NodePlan) record.Change {
	c := record.Change{Node: n.Node.Name, Files: []string{}}
	for _, f := range n.Files() {
		c.Files = append(c.Files, f.Path)
	}
	slices.SortFunc(c.Files, cmp.Compare[string])
	return c
}

// Lack are the nodes that stay, change nothing, and do not have the plan's record.
func (p *Plan) Lack() []inventory.Node {
	if p.Record == nil {
		return nil
	}
	var out []inventory.Node
	for _, n := range p.Nodes {
		f := p.Facts[n.Node.Name]
		if n.Leaving || !n.Empty() || f == nil {
			continue
		}
		if have := f.Recorded.Record; have == nil || !record.Same(have, p.Record) {
			out = append(out, n.Node)
		}
	}
	return out
}

// ClaimNotes tell what the claims did: nodes of other clusters that are taken over, and a new
// name, with what that costs.
func (p *Plan) ClaimNotes(m member.Membership) []string {
	var out []string
	for _, n := range p.Nodes {
		r := p.Facts[n.Node.Name].Recorded.Record
		if r != nil && !n.Leaving && (m.Record == nil || r.Cluster.ID != m.Record.Cluster.ID) {
			out = append(out, fmt.Sprintf("%s: %s, and is taken over: that cluster is told nothing", n.Node.Name, member.Belongs(r)))
		}
	}
	if was := named(m, p); was != "" && was != p.Cluster.Name {
		out = append(out, fmt.Sprintf("the cluster was %s, and is %s from now on: %s", was, p.Cluster.Name, renaming(p)))
	}
	return out
}

// named is the name that the nodes know the cluster by; empty: none.
func named(m member.Membership, p *Plan) string {
	if m.Record != nil {
		return m.Record.Cluster.Name
	}
	for _, n := range p.Nodes {
		if f := p.Facts[n.Node.Name]; m.Renamed && f.Recorded.Record == nil && !n.Leaving {
			if _, name := member.StampedFor(f, p.Cluster.Name, nil); name != "" {
				return name
			}
		}
	}
	return ""
}

// renaming says what a new name costs. The virtual router ID follows from the name, unless
// the inventory has one.
func renaming(p *Plan) string {
	if !slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return n.Keepalived == node.Restart || n.StartKeepalivedLast }) {
		return "the VIP stays where it is"
	}
	return fmt.Sprintf("the virtual router ID changes with the name, keepalived restarts everywhere, and nobody holds %s for about %s; vrrp.virtualRouterID keeps the old one",
		inventory.Join(p.Cluster.VIPs, " and "), vrrp.Short(vrrp.Restart(p.Cluster)))
}
