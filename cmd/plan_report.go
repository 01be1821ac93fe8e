package cmd

import (
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
)

// planReport is a plan for people and programs: nothing secret is in it.
type planReport struct {
	Cluster string          `json:"cluster"`
	Nodes   []nodeReport    `json:"nodes"`             // in the order of the rollout
	Objects []objectReport  `json:"objects,omitempty"` // of the cluster, after the nodes
	LeftOut []leftOutReport `json:"leftOut,omitempty"` // nodes that could not be reached
}

// leavesOut says whether a node is left out.
func (r planReport) leavesOut(node string) bool {
	return slices.ContainsFunc(r.LeftOut, func(n leftOutReport) bool { return n.Node == node })
}

type leftOutReport struct {
	Node string `json:"node"`
	Why  string `json:"why"`
}

type objectReport struct {
	ConfigMap string `json:"configMap"`
	Diff      string `json:"diff"`
	Hint      string `json:"hint,omitempty"`
}

type nodeReport struct {
	Node         string       `json:"node"`
	Holder       bool         `json:"holdsVIP"`
	Leaving      bool         `json:"leaving,omitempty"`
	Worker       bool         `json:"worker,omitempty"` // of one that leaves: from now on
	Packages     []string     `json:"packages,omitempty"`
	Files        []fileReport `json:"files,omitempty"`
	Ends         []string     `json:"ends,omitempty"` // what is not kplb's and ends; also in consequences
	Consequences []string     `json:"consequences,omitempty"`
}

type fileReport struct {
	Path   string `json:"path"`
	Effect string `json:"effect"`
	Stamp  string `json:"was,omitempty"` // what is there now
	Before string `json:"before"`        // sha256, secrets blanked; "absent"
	After  string `json:"after"`
	Diff   string `json:"diff"`
}

func describe(p *plan.Plan) planReport {
	report := planReport{Cluster: p.Cluster.Name, Nodes: []nodeReport{}}
	for _, n := range p.Nodes {
		node := nodeReport{Node: n.Node.Name, Holder: n.Holder, Leaving: n.Leaving, Packages: n.Packages, Ends: n.Ends(), Consequences: n.Consequences()}
		node.Worker = n.Leaving && slices.ContainsFunc(p.Cluster.Workers, func(w inventory.Node) bool { return w.Name == n.Node.Name })
		for _, c := range n.Files() {
			before, after := c.Sums()
			node.Files = append(node.Files, fileReport{c.Path, string(c.Effect), string(c.Stamp), before, after, c.Diff})
		}
		report.Nodes = append(report.Nodes, node)
	}
	for _, n := range p.Absent {
		report.LeftOut = append(report.LeftOut, leftOutReport{n.Node.Name, n.Why})
	}
	for _, o := range p.ConfigMaps {
		report.Objects = append(report.Objects, objectReport{o.Name, o.Diff, o.Hint})
	}
	return report
}
