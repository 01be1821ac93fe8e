package inventory

import (
	"fmt"
	"net/netip"

	"github.com/kplb/kplb/source"
)

// mostNodes is how many peers unicast VRRP is good for.
const mostNodes = 15

// nodeReader reads nodes, which share what ssh says of all of them.
type nodeReader struct {
	*source.Collector
	shared SSH
}

// controlPlane reads the nodes that have an apiserver.
func (r nodeReader) controlPlane(doc *document) []Node {
	switch {
	case doc.Nodes == nil:
		r.Require(source.Place{}, doc.At, "nodes", "list the control-plane nodes, each like - {name: node-1, address: 10.1.1.1}")
	case len(doc.Nodes) > mostNodes:
		r.Add(doc.Nodes[mostNodes].At.Pos, fmt.Sprintf("nodes has %d nodes", len(doc.Nodes)),
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
	r.Require(d.Name.Place, d.At, "name", "write the node's name, as kubectl get nodes shows it")
	r.Require(d.Address.Place, d.At, "address", "write the address that other nodes reach it at")
	n := Node{
		Name:      source.Read(r.Collector, d.Name, subdomain, ""),
		Interface: source.Read(r.Collector, d.Interface, interfaceName, ""),
		Priority:  source.Read(r.Collector, d.Priority, source.Whole(1, 254), 0),
		Labels:    readLabels(r.Collector, d.Labels),
	}
	r.addresses(d.Address, &n)
	n.SSH = readNodeSSH(r.Collector, &d.SSH, r.shared)
	if n.SSH.Host == "" && n.Address.IsValid() {
		n.SSH.Host = n.Address.String()
	}
	return n
}

// addresses reads the one address of a node, or the one of each family.
func (r nodeReader) addresses(d source.Words, n *Node) {
	var first netip.Addr
	for i, s := range d.Items {
		address := source.Read(r.Collector, s, addressInSubnet, netip.Prefix{})
		if i == 0 {
			first = address.Addr()
		}
		if !address.IsValid() {
			continue
		}
		if n.AddressFor(address.Addr()).IsValid() {
			r.Add(s.Pos, fmt.Sprintf("%s %s is a second %s address of the node", s.Path, address.Addr(), family(address.Addr())),
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
		r.Add(doc.Workers[most].At.Pos, fmt.Sprintf("workers has %d nodes", len(doc.Workers)), fmt.Sprintf("write at most %d", most))
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
