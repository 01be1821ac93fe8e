package kubeadm

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"
)

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
