package inventory

// readCluster gives the values of a document their types, and checks that they
// agree with each other. Every subject has a file of its own: check_node.go,
// check_vip.go and so on. They all report to one collector.
func readCluster(c *collector, doc *document) *Cluster {
	checkHeader(c, doc)
	cluster := &Cluster{
		Name: read(c, doc.Name, label, ""),
		Port: read(c, doc.Port, portNumber, defaultPort),
		Distribution: Distribution(read(c, doc.Distribution,
			oneOf([]string{string(Kubeadm)}, []string{"k3s", "rke2", "k0s"}), string(Kubeadm))),
		Exposure: Exposure(read(c, doc.Exposure,
			oneOf([]string{string(BindAddress), string(SharedPort), string(Redirect), string(OtherPort), string(IPVS)}, nil), string(BindAddress))),
		Profile: Profile(read(c, doc.Profile,
			oneOf([]string{string(DefaultProfile), string(Fast), string(Pi)}, nil), string(DefaultProfile))),
		DNSName:      read(c, doc.DNSName, dnsName, ""),
		Certificates: readCare(c, doc.Certificates, Leave, Leave, Manage),
		Endpoint:     readCare(c, doc.Endpoint, Leave, Leave, Manage, ManageAll),
		Firewall:     readCare(c, doc.Firewall, Manage, Leave, Manage),
		SSH:          readSSH(c, &doc.SSH),
	}
	c.require(doc.Name.place, doc.At, "name", "write the cluster's own name, like name: home")
	vips := readVIPs(c, &doc.VIP)
	c.require(doc.VIP.place, doc.At, "vip", "write a free address of the nodes' subnet, like vip: 10.1.233.1")
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
	cluster.APIServer.Restart = Restart(read(c, doc.APIServer.Restart, oneOf([]string{string(Quick), string(Graceful)}, nil), string(Quick)))
	return cluster
}

// readCare reads who looks after something; what is left out has a default.
func readCare(c *collector, s scalar, otherwise Care, known ...Care) Care {
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	return Care(read(c, s, oneOf(words, nil), string(otherwise)))
}

// checkHeader checks that the file is what this version reads.
func checkHeader(c *collector, doc *document) {
	c.require(doc.APIVersion.place, doc.At, "apiVersion", "write apiVersion: "+apiVersion)
	c.require(doc.Kind.place, doc.At, "kind", "write kind: "+clusterKind)
	read(c, doc.APIVersion, oneOf([]string{apiVersion}, nil), "")
	read(c, doc.Kind, oneOf([]string{clusterKind}, nil), "")
}
