package inventory

import (
	"reflect"
	"strings"
)

// apiVersion and clusterKind are what the first lines of an inventory say.
const (
	apiVersion  = "kplb/v1alpha1"
	clusterKind = "Cluster"
)

// Parse checks the inventory in data and completes it with defaults. file is
// its name in positions. An error is of type Problems and has all that is wrong
// with the file.
func Parse(file string, data []byte) (*Cluster, error) {
	problems := &collector{}
	if !checkText(file, data, problems) {
		return nil, problems.err()
	}
	root := decode(file, data, problems)
	if root == nil {
		return nil, problems.err()
	}

	var doc document
	w := &walker{problems: problems, positions: map[string]Position{}}
	w.bind(root, place{}, "", reflect.ValueOf(&doc).Elem())

	c := &checker{collector: problems}
	cluster := c.cluster(&doc)
	if err := problems.err(); err != nil {
		return nil, err
	}
	cluster.Positions = w.positions
	return cluster, nil
}

// Position is where path stands in the file, a path being like "vip" or
// "nodes[1].address". For what is not in the file it is the place of the nearest
// thing around it that is.
func (c *Cluster) Position(path string) Position {
	for {
		if p, ok := c.Positions[path]; ok || path == "" {
			return p
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}
