package kubeadm

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Endpoint is what one cluster of a kubeconfig points at.
type Endpoint struct {
	Cluster string // its name, which may be empty
	Server  string // a URL, as it is written
	Line    int
}

// Endpoints returns the clusters of a kubeconfig that are the one whose CA is
// given: certificate-authority-data has one of the CA's certificates, or
// certificate-authority is the file that every pod has. Others, those that name
// another file among them, are left out. A file
// without such a cluster, even an empty one, is no error; a file that can be
// understood in several ways is one.
func Endpoints(source, ca []byte) ([]Endpoint, error) {
	c, err := readKubeconfig(source, ca)
	if err != nil {
		return nil, err
	}
	var endpoints []Endpoint
	for _, o := range c.ours {
		e := Endpoint{Cluster: o.name, Line: o.line}
		if server := child(o.body, "server"); server != nil {
			e.Line = server.Line
			if given(server) {
				e.Server = server.Value
			}
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

// kubeconfig is a kubeconfig and the clusters of one CA in it.
type kubeconfig struct {
	*document // nil where the file says nothing
	ours      []named
}

// podAuthority is where a pod finds the CA of the cluster that it runs in:
// kube-proxy's ConfigMap names it.
const podAuthority = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"

func readKubeconfig(source, ca []byte) (*kubeconfig, error) {
	authorities, err := certificates(ca)
	if err != nil {
		return nil, fmt.Errorf("cannot be compared with the CA, which %w", err)
	}
	d, err := read(source)
	if errors.Is(err, errEmpty) {
		return &kubeconfig{}, nil
	} else if err != nil {
		return nil, err
	}
	clusters, err := entries(d.root, "clusters", "cluster")
	if err != nil {
		return nil, err
	}
	c := &kubeconfig{document: d}
	for _, cluster := range clusters {
		data, err := text(cluster.body, "certificate-authority-data")
		if err != nil {
			return nil, err
		}
		path, err := text(cluster.body, "certificate-authority")
		if err != nil {
			return nil, err
		}
		if holds(data, authorities) || path == podAuthority {
			if server := child(cluster.body, "server"); server != nil && server.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: server is not a string", server.Line)
			}
			c.ours = append(c.ours, cluster)
		}
	}
	return c, nil
}

// holds says whether base64 data has one of the certificates. What is no
// certificate is none of them.
func holds(data string, authorities [][]byte) bool {
	rest, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return false
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return false
		}
		for _, authority := range authorities {
			if block.Type == "CERTIFICATE" && bytes.Equal(block.Bytes, authority) {
				return true
			}
		}
	}
}

// named is an item of one of a kubeconfig's lists, and what its name stands for.
type named struct {
	name string
	line int
	body *yaml.Node
}

// entries reads one of a kubeconfig's lists, such as the clusters.
func entries(root *yaml.Node, list, item string) ([]named, error) {
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("is not a kubeconfig")
	}
	if kind, err := text(root, "kind"); err != nil {
		return nil, err
	} else if kind != "" && kind != "Config" {
		return nil, fmt.Errorf("is of kind %q, not Config", kind)
	}
	n := child(root, list)
	if !given(n) {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: %s is not a list", n.Line, list)
	}
	seen := map[string]bool{}
	var all []named
	for _, c := range n.Content {
		name, err := text(c, "name")
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("line %d: has %s %q a second time", c.Line, item, name)
		}
		seen[name] = true
		all = append(all, named{name, c.Line, child(c, item)})
	}
	return all, nil
}

// Client returns the certificate and the key of the user of the current
// context. Both must be in the file itself. No error shows what is in them.
func Client(source []byte) (certificatePEM, keyPEM []byte, err error) {
	d, err := read(source)
	if err != nil {
		return nil, nil, err
	}
	current, err := text(d.root, "current-context")
	if err != nil {
		return nil, nil, err
	}
	if current == "" {
		return nil, nil, errors.New("has no current-context")
	}
	context, err := find(d.root, "contexts", "context", current)
	if err != nil {
		return nil, nil, err
	}
	name, err := text(context.body, "user")
	if err != nil {
		return nil, nil, err
	}
	user, err := find(d.root, "users", "user", name)
	if err != nil {
		return nil, nil, err
	}
	if certificatePEM, err = user.data("client-certificate-data", "CERTIFICATE"); err != nil {
		return nil, nil, err
	}
	if keyPEM, err = user.data("client-key-data", "PRIVATE KEY"); err != nil {
		return nil, nil, err
	}
	return certificatePEM, keyPEM, nil
}

func find(root *yaml.Node, list, item, name string) (named, error) {
	all, err := entries(root, list, item)
	if err != nil {
		return named{}, err
	}
	for _, n := range all {
		if n.name == name {
			return n, nil
		}
	}
	return named{}, fmt.Errorf("has no %s %q", item, name)
}

// data returns the PEM at a key, which begins with something of a kind.
func (n named) data(key, kind string) ([]byte, error) {
	written, err := text(n.body, key)
	if err != nil {
		return nil, err
	}
	if written == "" {
		return nil, fmt.Errorf("line %d: user %q has no %s", n.line, n.name, key)
	}
	data, err := base64.StdEncoding.DecodeString(written)
	if err != nil { // whose text would say what stands there
		return nil, fmt.Errorf("line %d: user %q has %s that is not base64", n.line, n.name, key)
	}
	if block, _ := pem.Decode(data); block == nil || !strings.HasSuffix(block.Type, kind) {
		return nil, fmt.Errorf("line %d: user %q has no %s in its %s", n.line, n.name, strings.ToLower(kind), key)
	}
	return data, nil
}
