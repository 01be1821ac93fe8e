package inventory

import (
	"fmt"
	"net/netip"

	"github.com/kplb/kplb/source"
)

// member is a node with where its values stand.
type member struct {
	node           Node
	at             source.Section
	name, priority source.Scalar
	address        source.Words
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
		out = append(out, member{n, d.At, d.Name, source.Scalar{}, d.Address})
	}
	return out
}

// title is how a message names the node.
func (m member) title() string {
	if m.node.Name != "" {
		return m.node.Name
	}
	return m.at.Path
}

// owner names the node as the one that has a value, unless the value is its name.
func (m member) owner(value any) string {
	if m.title() == value {
		return ""
	}
	return " by " + m.title()
}

// addressItem is where one of the node's addresses, or its subnet, stands.
func (m member) addressItem(a netip.Addr) source.Scalar {
	for _, s := range m.address.Items {
		if p, f := addressInSubnet(s); f == nil && p.Contains(a) {
			return s
		}
	}
	return source.Scalar{Place: m.address.Place}
}

// checkDistinct reports what two nodes must not share.
func checkDistinct(c *source.Collector, all []member) {
	type use struct {
		what  string
		value any
	}
	first := map[use]member{}
	once := func(m member, what string, s source.Scalar, value any) {
		u := use{what, value}
		if other, used := first[u]; used {
			c.Add(s.Pos, fmt.Sprintf("%s %v is already used%s on line %d", s.Path, value, other.owner(value), other.at.Pos.Line),
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
