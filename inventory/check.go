package inventory

import "github.com/kplb/kplb/source"

// readCluster gives the values of a document their types, and checks that they
// agree with each other. Every subject has a file of its own: check_node.go,
// check_vip.go and so on. They all report to one collector.
func readCluster(c *source.Collector, doc *document) *Cluster {
	checkHeader(c, doc)
	cluster := &Cluster{
		Name: source.Read(c, doc.Name, label, ""),
		Port: source.Read(c, doc.Port, source.PortNumber, defaultPort),
		Distribution: Distribution(source.Read(c, doc.Distribution,
			source.OneOf([]string{string(Kubeadm)}, []string{"k3s", "rke2", "k0s"}), string(Kubeadm))),
		Exposure: Exposure(source.Read(c, doc.Exposure,
			source.OneOf([]string{string(BindAddress), string(SharedPort), string(Redirect), string(OtherPort), string(IPVS)}, nil), string(BindAddress))),
		Profile: Profile(source.Read(c, doc.Profile,
			source.OneOf([]string{string(DefaultProfile), string(Fast), string(Pi)}, nil), string(DefaultProfile))),
		DNSName:      source.Read(c, doc.DNSName, dnsName, ""),
		Certificates: readCare(c, doc.Certificates, Leave, Leave, Manage),
		Endpoint:     readCare(c, doc.Endpoint, Leave, Leave, Manage, ManageAll),
		Firewall:     readCare(c, doc.Firewall, Manage, Leave, Manage),
		SSH:          readSSH(c, &doc.SSH),
	}
	c.Require(doc.Name.Place, doc.At, "name", "write the cluster's own name, like name: home")
	vips := readVIPs(c, &doc.VIP)
	c.Require(doc.VIP.Place, doc.At, "vip", "write a free address of the nodes' subnet, like vip: 10.1.233.1")
	checkReserved(c, doc.Port, cluster.Port)

	nodes := nodeReader{c, cluster.SSH}
	cluster.Nodes = nodes.controlPlane(doc)
	cluster.Workers = nodes.workers(doc)
	checkDistinct(c, members(doc, cluster))
	fillPriorities(cluster.Nodes)
	checkVIPs(c, vips, members(doc, cluster))
	cluster.VRRP = readVRRP(c, &doc.VRRP, cluster)
	assignVIPs(c, doc, vips, cluster)
	cluster.HAProxy = readHAProxy(c, &doc.HAProxy, cluster)
	checkHAProxyPorts(c, doc, cluster)
	cluster.Services = serviceReader{c, cluster}.services(doc)
	checkPeersPort(c, doc, cluster)
	cluster.WorkerBalancer = readWorkerBalancer(c, doc, cluster)
	cluster.Metrics = readMetrics(c, &doc.Metrics, cluster)
	cluster.IPVS = readIPVS(c, doc, vips, cluster.Exposure)
	cluster.APIServer.Restart = Restart(source.Read(c, doc.APIServer.Restart, source.OneOf([]string{string(Quick), string(Graceful)}, nil), string(Quick)))
	return cluster
}

// readCare reads who looks after something; what is left out has a default.
func readCare(c *source.Collector, s source.Scalar, otherwise Care, known ...Care) Care {
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	return Care(source.Read(c, s, source.OneOf(words, nil), string(otherwise)))
}

// checkHeader checks that the file is what this version reads.
func checkHeader(c *source.Collector, doc *document) {
	c.Require(doc.APIVersion.Place, doc.At, "apiVersion", "write apiVersion: "+apiVersion)
	c.Require(doc.Kind.Place, doc.At, "kind", "write kind: "+clusterKind)
	source.Read(c, doc.APIVersion, source.OneOf([]string{apiVersion}, nil), "")
	source.Read(c, doc.Kind, source.OneOf([]string{clusterKind}, nil), "")
}
