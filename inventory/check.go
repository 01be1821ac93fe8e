package inventory

import (
	"fmt"
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
		Port: read(c.collector, doc.Port, portNumber, defaultPort),
		Distribution: Distribution(read(c.collector, doc.Distribution,
			oneOf([]string{string(Kubeadm)}, []string{"k3s", "rke2", "k0s"}), string(Kubeadm))),
		Exposure: Exposure(read(c.collector, doc.Exposure,
			oneOf([]string{string(BindAddress), string(SharedPort), string(Redirect), string(OtherPort), string(IPVS)}, nil), string(BindAddress))),
		Profile: Profile(read(c.collector, doc.Profile,
			oneOf([]string{string(DefaultProfile), string(Fast), string(Pi)}, nil), string(DefaultProfile))),
		DNSName:      read(c.collector, doc.DNSName, dnsName, ""),
		Certificates: c.care(doc.Certificates, Leave, Leave, Manage),
		Endpoint:     c.care(doc.Endpoint, Leave, Leave, Manage, ManageAll),
		Firewall:     c.care(doc.Firewall, Manage, Leave, Manage),
		SSH:          c.ssh(&doc.SSH),
	}
	c.require(doc.Name.place, doc.At, "name", "write the cluster's own name, like name: home")
	vips := c.vips(&doc.VIP)
	c.require(doc.VIP.place, doc.At, "vip", "write a free address of the nodes' subnet, like vip: 10.1.233.1")
	c.reserved(doc.Port, cluster.Port)

	cluster.Nodes = c.nodes(doc, cluster.SSH)
	cluster.Workers = c.workers(doc, cluster.SSH)
	c.distinct(doc, cluster)
	fillPriorities(cluster.Nodes)
	c.agree(vips, members(doc, cluster))
	cluster.VRRP = c.vrrp(&doc.VRRP, cluster)
	c.group(doc, vips, cluster)
	cluster.HAProxy = c.haproxy(&doc.HAProxy, cluster)
	c.ports(doc, cluster)
	cluster.Services = c.services(doc, cluster)
	c.peersPort(doc, cluster)
	cluster.WorkerBalancer = c.workerBalancer(doc, cluster)
	cluster.Metrics = c.metrics(&doc.Metrics, cluster)
	cluster.IPVS = c.ipvs(doc, vips, cluster.Exposure)
	cluster.APIServer.Restart = Restart(read(c.collector, doc.APIServer.Restart, oneOf([]string{string(Quick), string(Graceful)}, nil), string(Quick)))
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
func (c *checker) require(p place, in section, key, hint string) {
	if !p.given && in.ok {
		c.add(in.at, join(in.path, key)+" is missing", hint)
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
