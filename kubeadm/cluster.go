package kubeadm

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Cluster is what kplb needs of a ClusterConfiguration, which kubeadm keeps in
// the ConfigMap kube-system/kubeadm-config. What the text does not say is empty.
type Cluster struct {
	APIVersion           string // one of clusterVersions
	ControlPlaneEndpoint string // a host, and perhaps a port
	ServiceSubnet        string // in dual stack two, with a comma between them
	PodSubnet            string // likewise
	DNSDomain            string
	CertSANs             []string // of the apiserver's certificate, beside those that kubeadm always adds
	APIServerArgs        []Arg    // the apiserver's flags, beside those that kubeadm always gives it
}

// The versions whose fields are known to be where they are looked for. In the
// older one extraArgs is a map, in the other a list.
const (
	v1beta3 = "kubeadm.k8s.io/v1beta3"
	v1beta4 = "kubeadm.k8s.io/v1beta4"
)

var clusterVersions = []string{v1beta3, v1beta4}

// ParseCluster reads a ClusterConfiguration. One of another version is an
// error, and so is a text that can be understood in several ways.
func ParseCluster(source []byte) (*Cluster, error) {
	c, err := readConfiguration(source)
	if err != nil {
		return nil, err
	}
	return c.Cluster, nil
}

func clusterIn(root *yaml.Node) (*Cluster, error) {
	c := &Cluster{}
	var kind string
	networking := child(root, "networking")
	for _, field := range []struct {
		in   *yaml.Node
		key  string
		into *string
	}{
		{root, "kind", &kind},
		{root, "apiVersion", &c.APIVersion},
		{root, "controlPlaneEndpoint", &c.ControlPlaneEndpoint},
		{networking, "serviceSubnet", &c.ServiceSubnet},
		{networking, "podSubnet", &c.PodSubnet},
		{networking, "dnsDomain", &c.DNSDomain},
	} {
		var err error
		if *field.into, err = text(field.in, field.key); err != nil {
			return nil, err
		}
	}
	if kind != "ClusterConfiguration" {
		return nil, fmt.Errorf("is of kind %q, not ClusterConfiguration", kind)
	}
	if !slices.Contains(clusterVersions, c.APIVersion) {
		return nil, unknownVersion(root, c.APIVersion)
	}
	for _, key := range []string{"networking", "apiServer"} {
		if n := child(root, key); n != nil && n.Tag != "!!null" && n.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: %s is not a mapping", n.Line, key)
		}
	}
	return c, c.readLists(root)
}

func unknownVersion(root *yaml.Node, version string) error {
	err := fmt.Errorf("is of apiVersion %q, and known are %s", version, strings.Join(clusterVersions, " and "))
	if n := child(root, "apiVersion"); n != nil {
		err = fmt.Errorf("line %d: %w", n.Line, err)
	}
	return err
}

// readLists reads what is below apiServer.
func (c *Cluster) readLists(root *yaml.Node) error {
	sans, err := sanItems(root)
	if err != nil {
		return err
	}
	for _, item := range sans {
		c.CertSANs = append(c.CertSANs, item.Value)
	}
	args, err := extraArgs(root, c.APIVersion)
	for _, a := range args {
		c.APIServerArgs = append(c.APIServerArgs, a.Arg)
	}
	return err
}

// sanItems returns the items of certSANs.
func sanItems(root *yaml.Node) ([]*yaml.Node, error) {
	list := child(child(root, "apiServer"), "certSANs")
	if !given(list) {
		return nil, nil
	}
	if list.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: certSANs is not a list", list.Line)
	}
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, fmt.Errorf("line %d: an item of certSANs is not a string", item.Line)
		}
	}
	return list.Content, nil
}

// Lacks returns those of sans that are not among CertSANs, in any spelling,
// each of them once. It is what EditCluster adds, and what ClusterLikeIn is to
// take away again.
func (c *Cluster) Lacks(sans []string) []string {
	has := map[string]bool{}
	for _, san := range c.CertSANs {
		has[spelling(san)] = true
	}
	var lacks []string
	for _, san := range sans {
		if !has[spelling(san)] {
			has[spelling(san)] = true
			lacks = append(lacks, san)
		}
	}
	return lacks
}

// spelling is the same for all that means the same in a certificate.
func spelling(san string) string {
	if address, err := netip.ParseAddr(san); err == nil {
		return address.Unmap().String()
	}
	return strings.ToLower(san)
}
