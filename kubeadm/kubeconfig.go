package kubeadm

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

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
