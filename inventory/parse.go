package inventory

import "reflect"

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
	w := &walker{problems: problems, positions: Positions{}}
	w.bind(root, place{}, "", reflect.ValueOf(&doc).Elem())

	cluster := readCluster(problems, &doc)
	if err := problems.err(); err != nil {
		return nil, err
	}
	cluster.Positions = w.positions
	return cluster, nil
}
