package inventory

import (
	"fmt"
	"net/netip"
)

// mostNodes is how many peers unicast VRRP is good for.
const mostNodes = 15

// nodeReader reads nodes, which share what ssh says of all of them.
type nodeReader struct {
	*collector
	shared SSH
}

// controlPlane reads the nodes that have an apiserver.
func (r nodeReader) controlPlane(doc *document) []Node {
	switch {
	case doc.Nodes == nil:
		r.require(place{}, doc.At, "nodes", "list the control-plane nodes, each like - {name: node-1, address: 10.1.1.1}")
	case len(doc.Nodes) > mostNodes:
		r.add(doc.Nodes[mostNodes].At.at, fmt.Sprintf("nodes has %d nodes", len(doc.Nodes)),
			fmt.Sprintf("write at most %d: every one sends its adverts to every other", mostNodes))
		doc.Nodes = doc.Nodes[:mostNodes]
	}
	nodes := make([]Node, len(doc.Nodes))
	for i := range doc.Nodes {
		nodes[i] = r.node(&doc.Nodes[i])
	}
	return nodes
}

func (r nodeReader) node(d *nodeDocument) Node {
	r.require(d.Name.place, d.At, "name", "write the node's name, as kubectl get nodes shows it")
	r.require(d.Address.place, d.At, "address", "write the address that other nodes reach it at")
	n := Node{
		Name:      read(r.collector, d.Name, subdomain, ""),
		Interface: read(r.collector, d.Interface, interfaceName, ""),
		Priority:  read(r.collector, d.Priority, whole(1, 254), 0),
		Labels:    readLabels(r.collector, d.Labels),
	}
	r.addresses(d.Address, &n)
	n.SSH = readNodeSSH(r.collector, &d.SSH, r.shared)
	if n.SSH.Host == "" && n.Address.IsValid() {
		n.SSH.Host = n.Address.String()
	}
	return n
}

// addresses reads the one address of a node, or the one of each family.
func (r nodeReader) addresses(d words, n *Node) {
	var first netip.Addr
	for i, s := range d.items {
		address := read(r.collector, s, addressInSubnet, netip.Prefix{})
		if i == 0 {
			first = address.Addr()
		}
		if !address.IsValid() {
			continue
		}
		if n.AddressFor(address.Addr()).IsValid() {
			r.add(s.at, fmt.Sprintf("%s %s is a second %s address of the node", s.path, address.Addr(), family(address.Addr())),
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
func (r nodeReader) workers(doc *document) []Node {
	const most = 1000
	if len(doc.Workers) > most {
		r.add(doc.Workers[most].At.at, fmt.Sprintf("workers has %d nodes", len(doc.Workers)), fmt.Sprintf("write at most %d", most))
		doc.Workers = doc.Workers[:most]
	}
	if len(doc.Workers) == 0 {
		return nil
	}
	out := make([]Node, 0, len(doc.Workers))
	for i := range doc.Workers {
		d := &doc.Workers[i]
		n := r.node(&nodeDocument{At: d.At, Name: d.Name, Address: d.Address, SSH: d.SSH, Labels: d.Labels})
		n.Worker, n.Subnet, n.Subnets = true, netip.Prefix{}, nil
		out = append(out, n)
	}
	return out
}
