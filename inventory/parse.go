package inventory

import (
	"reflect"

	"github.com/kplb/kplb/source"
)

// apiVersion and clusterKind are what the first lines of an inventory say.
const (
	apiVersion  = "kplb/v1alpha1"
	clusterKind = "Cluster"
)

// minimal is said where somebody has yet to begin.
const minimal = "begin with apiVersion: " + apiVersion + ", kind: " + clusterKind + ", name, vip and nodes"

// Parse checks the inventory in data and completes it with defaults. file is
// its name in positions. An error is of type Problems and has all that is wrong
// with the file.
func Parse(file string, data []byte) (*Cluster, error) {
	problems := &source.Collector{}
	if !source.CheckText(file, data, problems) {
		return nil, problems.Err()
	}
	root := source.Decode(file, data, problems, minimal)
	if root == nil {
		return nil, problems.Err()
	}

	var doc document
	w := &source.Walker{Problems: problems, Positions: source.Positions{}, Unknown: unknown, SecretHint: authHint}
	w.Bind(root, source.Place{}, "", reflect.ValueOf(&doc).Elem())

	cluster := readCluster(problems, &doc)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	cluster.Positions, cluster.Text = w.Positions, source.Canonical(root)
	return cluster, nil
}
