package inventory

import (
	"fmt"
	"net/netip"
)

// member is a node with where its values stand.
type member struct {
	node           Node
	at             section
	name, priority scalar
	address        words
}

// members are all nodes, the workers last.
func members(doc *document, cluster *Cluster) []member {
	out := make([]member, 0, len(cluster.Nodes)+len(cluster.Workers))
	for i, n := range cluster.Nodes {
		d := doc.Nodes[i]
		out = append(out, member{n, d.At, d.Name, d.Priority, d.Address})
	}
	for i, n := range cluster.Workers {
		d := doc.Workers[i]
		out = append(out, member{n, d.At, d.Name, scalar{}, d.Address})
	}
	return out
}

// title is how a message names the node.
func (m member) title() string {
	if m.node.Name != "" {
		return m.node.Name
	}
	return m.at.path
}

// owner names the node as the one that has a value, unless the value is its name.
func (m member) owner(value any) string {
	if m.title() == value {
		return ""
	}
	return " by " + m.title()
}

// addressItem is where one of the node's addresses, or its subnet, stands.
func (m member) addressItem(a netip.Addr) scalar {
	for _, s := range m.address.items {
		if p, f := addressInSubnet(s); f == nil && p.Contains(a) {
			return s
		}
	}
	return scalar{place: m.address.place}
}

// checkDistinct reports what two nodes must not share.
func checkDistinct(c *collector, all []member) {
	type use struct {
		what  string
		value any
	}
	first := map[use]member{}
	once := func(m member, what string, s scalar, value any) {
		u := use{what, value}
		if other, used := first[u]; used {
			c.add(s.at, fmt.Sprintf("%s %v is already used%s on line %d", s.path, value, other.owner(value), other.at.at.Line),
				"give every node its own")
			return
		}
		first[u] = m
	}
	for _, m := range all {
		if m.node.Name != "" {
			once(m, "name", m.name, m.node.Name)
		}
		for _, a := range m.node.Addresses {
			once(m, "address", m.addressItem(a), a)
		}
		if m.node.Priority != 0 {
			once(m, "priority", m.priority, m.node.Priority)
		}
	}
}
