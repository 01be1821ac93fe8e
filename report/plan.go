package report

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
)

// Plan is a plan for people and programs: nothing secret is in it.
type Plan struct {
	Cluster string    `json:"cluster"`
	Nodes   []Node    `json:"nodes"`             // in the order of the rollout
	Objects []Object  `json:"objects,omitempty"` // of the cluster, after the nodes
	LeftOut []LeftOut `json:"leftOut,omitempty"` // nodes that could not be reached
}

// LeavesOut says whether a node is left out.
func (r Plan) LeavesOut(node string) bool {
	return slices.ContainsFunc(r.LeftOut, func(n LeftOut) bool { return n.Node == node })
}

// LeftOut is a node that could not be reached.
type LeftOut struct {
	Node string `json:"node"`
	Why  string `json:"why"`
}

// Object is a change of one of the cluster's ConfigMaps.
type Object struct {
	ConfigMap string `json:"configMap"`
	Diff      string `json:"diff"`
	Hint      string `json:"hint,omitempty"`
}

// Node is what a plan does on a node.
type Node struct {
	Node         string   `json:"node"`
	Holder       bool     `json:"holdsVIP"`
	Leaving      bool     `json:"leaving,omitempty"`
	Worker       bool     `json:"worker,omitempty"` // of one that leaves: from now on
	Packages     []string `json:"packages,omitempty"`
	Files        []File   `json:"files,omitempty"`
	Ends         []string `json:"ends,omitempty"` // what is not kplb's and ends; also in consequences
	Consequences []string `json:"consequences,omitempty"`
}

// File is what a plan does to a file.
type File struct {
	Path   string `json:"path"`
	Effect string `json:"effect"`
	Stamp  string `json:"was,omitempty"` // what is there now
	Before string `json:"before"`        // sha256, secrets blanked; "absent"
	After  string `json:"after"`
	Diff   string `json:"diff"`
}

// Describe is a plan as it is reported.
func Describe(p *plan.Plan) Plan {
	report := Plan{Cluster: p.Cluster.Name, Nodes: []Node{}}
	for _, n := range p.Nodes {
		node := Node{Node: n.Node.Name, Holder: n.Holder, Leaving: n.Leaving, Packages: n.Packages, Ends: n.Ends(), Consequences: n.Consequences()}
		node.Worker = n.Leaving && slices.ContainsFunc(p.Cluster.Workers, func(w inventory.Node) bool { return w.Name == n.Node.Name })
		for _, c := range n.Files() {
			before, after := c.Sums()
			node.Files = append(node.Files, File{c.Path, string(c.Effect), string(c.Stamp), before, after, c.Diff})
		}
		report.Nodes = append(report.Nodes, node)
	}
	for _, n := range p.Absent {
		report.LeftOut = append(report.LeftOut, LeftOut{n.Node.Name, n.Why})
	}
	for _, o := range p.ConfigMaps {
		report.Objects = append(report.Objects, Object{o.Name, o.Diff, o.Hint})
	}
	return report
}
