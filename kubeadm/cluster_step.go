package kubeadm

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

// step finds the edits of one thing, and makes them in the Cluster.
type step func(*configuration) ([]edit, error)

func endpointStep(endpoint string) step {
	return func(c *configuration) ([]edit, error) {
		if endpoint == c.ControlPlaneEndpoint {
			return nil, nil
		}
		c.ControlPlaneEndpoint = endpoint
		return c.setEndpoint(endpoint)
	}
}

func argStep(name, value string) step {
	return func(c *configuration) ([]edit, error) { return c.setArg(Arg{name, value}) }
}

// inTurn makes one step after the other. Each is tried on the source, so that the
// lines in what it says when it is refused are the source's.
func inTurn(source []byte, steps []step) ([]byte, error) {
	edited := source
	for i, s := range steps {
		if i > 0 {
			if _, err := editCluster(source, s); err != nil {
				return nil, err
			}
		}
		var err error
		if edited, err = editCluster(edited, s); err != nil {
			return nil, err
		}
	}
	return edited, nil
}

// editCluster makes the edits that a function finds, and reads back what that
// makes of the Cluster, and that nothing else has changed.
func editCluster(source []byte, find step) ([]byte, error) {
	c, err := readConfiguration(source)
	if err != nil {
		return nil, err
	}
	edits, err := find(c)
	if c.root.Style&flow != 0 && (err != nil || len(edits) > 0) {
		return nil, fmt.Errorf("line %d: is in flow style, which is not edited", c.root.Line)
	}
	if err != nil {
		return nil, err
	}
	edited := c.apply(edits)
	is, err := readConfiguration(edited)
	if err != nil {
		return nil, fmt.Errorf("after the edit %w", err)
	}
	if is.ControlPlaneEndpoint != c.ControlPlaneEndpoint || !slices.Equal(is.CertSANs, c.CertSANs) ||
		!slices.Equal(is.APIServerArgs, c.APIServerArgs) || !same(others(c.root), others(is.root)) {
		return nil, errors.New("does not read back its controlPlaneEndpoint, certSANs and extraArgs after the edit")
	}
	return edited, nil
}

// others is the tree without what is edited. It is of no other use after it.
func others(root *yaml.Node) *yaml.Node {
	drop(root, "controlPlaneEndpoint")
	api := child(root, "apiServer")
	drop(api, "certSANs")
	drop(api, "extraArgs")
	if !given(api) {
		drop(root, "apiServer")
	}
	return root
}
