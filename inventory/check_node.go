package inventory

import (
	"fmt"
	"net/netip"
)

func (c *checker) nodes(doc *document, shared SSH) []Node {
	switch {
	case doc.Nodes == nil:
		c.require(place{}, doc.At, "nodes", "list the control-plane nodes, each like - {name: node-1, address: 10.1.1.1}")
	case len(doc.Nodes) > mostNodes:
		c.add(doc.Nodes[mostNodes].At.at, fmt.Sprintf("nodes has %d nodes", len(doc.Nodes)),
			fmt.Sprintf("write at most %d: every one sends its adverts to every other", mostNodes))
		doc.Nodes = doc.Nodes[:mostNodes]
	}
	nodes := make([]Node, len(doc.Nodes))
	for i := range doc.Nodes {
		nodes[i] = c.node(&doc.Nodes[i], shared)
	}
	return nodes
}

func (c *checker) node(d *nodeDocument, shared SSH) Node {
	c.require(d.Name.place, d.At, "name", "write the node's name, as kubectl get nodes shows it")
	c.require(d.Address.place, d.At, "address", "write the address that other nodes reach it at")
	n := Node{
		Name:      read(c.collector, d.Name, subdomain, ""),
		Interface: read(c.collector, d.Interface, interfaceName, ""),
		Priority:  read(c.collector, d.Priority, whole(1, 254), 0),
		Labels:    c.labels(d.Labels),
	}
	c.addresses(d.Address, &n)
	n.SSH = c.nodeSSH(&d.SSH, shared)
	if n.SSH.Host == "" && n.Address.IsValid() {
		n.SSH.Host = n.Address.String()
	}
	return n
}

// addresses reads the one address of a node, or the one of each family.
func (c *checker) addresses(d words, n *Node) {
	var first netip.Addr
	for i, s := range d.items {
		address := read(c.collector, s, addressInSubnet, netip.Prefix{})
		if i == 0 {
			first = address.Addr()
		}
		if !address.IsValid() {
			continue
		}
		if n.AddressFor(address.Addr()).IsValid() {
			c.add(s.at, fmt.Sprintf("%s %s is a second %s address of the node", s.path, address.Addr(), family(address.Addr())),
				"write one IPv4 and one IPv6 address at most")
			continue
		}
		n.Addresses = append(n.Addresses, address.Addr())
		if !address.IsSingleIP() {
			n.Subnets = append(n.Subnets, address.Masked())
		}
		if i == 0 && !address.IsSingleIP() {
			n.Subnet = address.Masked()
		}
	}
	n.Address = first
}

// workers are optional; what a control-plane node alone has is an unknown key.
func (c *checker) workers(doc *document, shared SSH) []Node {
	const most = 1000
	if len(doc.Workers) > most {
		c.add(doc.Workers[most].At.at, fmt.Sprintf("workers has %d nodes", len(doc.Workers)), fmt.Sprintf("write at most %d", most))
		doc.Workers = doc.Workers[:most]
	}
	if len(doc.Workers) == 0 {
		return nil
	}
	out := make([]Node, 0, len(doc.Workers))
	for i := range doc.Workers {
		d := &doc.Workers[i]
		n := c.node(&nodeDocument{At: d.At, Name: d.Name, Address: d.Address, SSH: d.SSH, Labels: d.Labels}, shared)
		n.Worker, n.Subnet, n.Subnets = true, netip.Prefix{}, nil
		out = append(out, n)
	}
	return out
}

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

// distinct reports what two nodes must not share.
func (c *checker) distinct(doc *document, cluster *Cluster) {
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
	for _, m := range members(doc, cluster) {
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
