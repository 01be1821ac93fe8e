package inventory

import (
	"fmt"
	"net/netip"
	"slices"
)

// mostNodes is how many peers unicast VRRP is good for.
const mostNodes = 15

// checker gives the values of a document their types and looks whether they
// agree with each other.
type checker struct {
	*collector
}

func (c *checker) cluster(doc *document) *Cluster {
	c.header(doc)
	cluster := &Cluster{
		Name: read(c.collector, doc.Name, label, ""),
		VIP:  read(c.collector, doc.VIP, addressOnly, netip.Addr{}),
		Port: read(c.collector, doc.Port, portNumber, defaultPort),
		Distribution: Distribution(read(c.collector, doc.Distribution,
			oneOf([]string{string(Kubeadm)}, []string{"k3s", "rke2", "k0s"}), string(Kubeadm))),
		Exposure: Exposure(read(c.collector, doc.Exposure,
			oneOf([]string{string(BindAddress)}, []string{"shared-port", "redirect", "port", "ipvs"}), string(BindAddress))),
		DNSName:      read(c.collector, doc.DNSName, dnsName, ""),
		Certificates: c.care(doc.Certificates, Leave, Leave, Manage),
		Endpoint:     c.care(doc.Endpoint, Leave, Leave, Manage, ManageAll),
		Firewall:     c.care(doc.Firewall, Manage, Leave, Manage),
		SSH:          c.ssh(&doc.SSH),
	}
	c.require(doc.Name.place, doc.At, "name", "write the cluster's own name, like name: home")
	c.require(doc.VIP.place, doc.At, "vip", "write a free IPv4 address of the nodes' subnet, like vip: 10.1.233.1")
	c.reserved(doc.Port, cluster.Port)

	cluster.Nodes = c.nodes(doc, cluster.SSH)
	cluster.Workers = c.workers(doc, cluster.SSH)
	c.distinct(doc, cluster)
	fillPriorities(cluster.Nodes)
	c.agree(doc, cluster)
	cluster.VRRP = c.vrrp(&doc.VRRP, cluster.Name)
	cluster.HAProxy = c.haproxy(&doc.HAProxy, doc.Port, cluster.Port)
	cluster.WorkerBalancer = c.workerBalancer(doc, cluster)
	return cluster
}

// care reads who looks after something; what is left out has a default.
func (c *checker) care(s scalar, otherwise Care, known ...Care) Care {
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	return Care(read(c.collector, s, oneOf(words, nil), string(otherwise)))
}

// header checks that the file is what this version reads.
func (c *checker) header(doc *document) {
	c.require(doc.APIVersion.place, doc.At, "apiVersion", "write apiVersion: "+apiVersion)
	c.require(doc.Kind.place, doc.At, "kind", "write kind: "+clusterKind)
	read(c.collector, doc.APIVersion, oneOf([]string{apiVersion}, nil), "")
	read(c.collector, doc.Kind, oneOf([]string{clusterKind}, nil), "")
}

// require reports p, the place of key in the mapping in, when it is not there.
func (c *checker) require(p place, in section, key, instead string) {
	if !p.given && in.ok {
		c.add(in.at, join(in.path, key)+" is missing", instead)
	}
}

// portsInUse are those that every control-plane node already has a use for.
var portsInUse = map[uint16]string{
	22: "sshd", 2379: "etcd", 2380: "etcd", 2381: "etcd", 10248: "kubelet", 10250: "kubelet",
	10249: "kube-proxy", 10256: "kube-proxy", 10257: "kube-controller-manager", 10259: "kube-scheduler",
}

func (c *checker) reserved(s scalar, port uint16) {
	if user, ok := portsInUse[port]; ok && s.ok {
		c.add(s.at, fmt.Sprintf("%s %d is the port of %s", s.path, port, user), "write a port that is free on every node")
	}
}

// agree checks the VIP against the nodes.
func (c *checker) agree(doc *document, cluster *Cluster) {
	vip := cluster.VIP
	if !vip.IsValid() {
		return
	}
	all := members(doc, cluster)
	for _, m := range all {
		if m.node.Address == vip {
			c.add(doc.VIP.at, fmt.Sprintf("vip %s is the address of %s (line %d)", vip, m.title(), m.address.at.Line),
				"write an address that no host has")
		}
	}
	var said []netip.Prefix
	for _, m := range all {
		subnet := m.node.Subnet
		if !subnet.IsValid() || slices.Contains(said, subnet) {
			continue
		}
		said = append(said, subnet)
		switch {
		case !subnet.Contains(vip):
			c.add(doc.VIP.at, fmt.Sprintf("vip %s lies outside %s, the subnet of %s (line %d)", vip, subnet, m.title(), m.address.at.Line),
				"write an address of that subnet")
		case vip == subnet.Addr():
			c.add(doc.VIP.at, fmt.Sprintf("vip %s is the address of the network %s", vip, subnet), "write a host address")
		case vip == lastOf(subnet):
			c.add(doc.VIP.at, fmt.Sprintf("vip %s is the broadcast address of %s", vip, subnet), "write a host address")
		}
	}
}
