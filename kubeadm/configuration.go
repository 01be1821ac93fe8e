package kubeadm

import "fmt"

// configuration is a ClusterConfiguration: its text, and what it says. What edits
// the text says so in the Cluster, too, and the two are compared afterwards.
type configuration struct {
	*document
	*Cluster
}

func readConfiguration(source []byte) (*configuration, error) {
	d, err := read(source)
	if err != nil {
		return nil, err
	}
	c, err := clusterIn(d.root)
	if err != nil {
		return nil, err
	}
	return &configuration{d, c}, nil
}

func (c *configuration) setEndpoint(endpoint string) ([]edit, error) {
	const key = "controlPlaneEndpoint"
	now := child(c.root, key)
	if now == nil {
		return one(c.insert(c.root, key, key+": "+scalar(endpoint)))
	}
	return one(c.set(now, key, endpoint))
}

func (c *configuration) dropEndpoint() ([]edit, error) {
	key, value := entry(c.root, "controlPlaneEndpoint")
	if key == nil {
		return nil, nil
	}
	_, err := c.indent(key)
	if err != nil || key.Line != value.Line {
		return nil, fmt.Errorf("line %d: %s is not alone on its line", key.Line, key.Value)
	}
	if _, _, err := c.span(value, key.Value); err != nil {
		return nil, err
	}
	return c.without(key.Line), nil
}
