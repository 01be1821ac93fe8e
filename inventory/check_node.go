package inventory

import (
	"fmt"
	"net/netip"
)

// title is how a message names the node.
func (d *nodeDocument) title(n Node) string {
	if n.Name != "" {
		return n.Name
	}
	return d.At.path
}

func (c *checker) nodes(doc *document) []Node {
	switch {
	case doc.Nodes == nil:
		c.require(place{}, doc.At, "nodes", "list the control-plane nodes, each like - {name: node-1, address: 10.1.1.1}")
	case len(doc.Nodes) > mostNodes:
		c.add(doc.Nodes[mostNodes].At.at, fmt.Sprintf("nodes has %d nodes", len(doc.Nodes)),
			fmt.Sprintf("write at most %d: every one sends its adverts to every other", mostNodes))
		doc.Nodes = doc.Nodes[:mostNodes]
	}
	shared := c.ssh(&doc.SSH)
	nodes := make([]Node, len(doc.Nodes))
	for i := range doc.Nodes {
		nodes[i] = c.node(&doc.Nodes[i], shared)
	}
	c.distinct(doc.Nodes, nodes)
	fillPriorities(nodes)
	return nodes
}

func (c *checker) node(d *nodeDocument, shared SSH) Node {
	c.require(d.Name.place, d.At, "name", "write the node's name, as kubectl get nodes shows it")
	c.require(d.Address.place, d.At, "address", "write the address that other nodes reach it at")
	n := Node{
		Name:      read(c.collector, d.Name, subdomain, ""),
		Interface: read(c.collector, d.Interface, interfaceName, ""),
		Priority:  read(c.collector, d.Priority, whole(1, 254), 0),
	}
	address := read(c.collector, d.Address, addressInSubnet, netip.Prefix{})
	n.Address = address.Addr()
	if address.IsValid() && address.Bits() < 32 {
		n.Subnet = address.Masked()
	}
	n.SSH = c.nodeSSH(&d.SSH, shared)
	if n.SSH.Host == "" && n.Address.IsValid() {
		n.SSH.Host = n.Address.String()
	}
	return n
}

// distinct reports what two nodes must not share.
func (c *checker) distinct(docs []nodeDocument, nodes []Node) {
	type use struct {
		what  string
		value any
	}
	first := map[use]int{}
	once := func(i int, what string, s scalar, value any) {
		u := use{what, value}
		if j, used := first[u]; used {
			c.add(s.at, fmt.Sprintf("%s %v is also that of %s (line %d)", s.path, value, docs[j].title(nodes[j]), docs[j].At.at.Line),
				"give every node its own")
			return
		}
		first[u] = i
	}
	for i, n := range nodes {
		if n.Name != "" {
			once(i, "name", docs[i].Name, n.Name)
		}
		if n.Address.IsValid() {
			once(i, "address", docs[i].Address, n.Address)
		}
		if n.Priority != 0 {
			once(i, "priority", docs[i].Priority, n.Priority)
		}
	}
}
