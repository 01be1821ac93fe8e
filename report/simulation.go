package report

import (
	"errors"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/vrrp"
)

// Simulation is a simulation for programs.
type Simulation struct {
	Cluster  string    `json:"cluster"`
	VIP      string    `json:"vip"`
	Mode     string    `json:"mode"`
	Failback bool      `json:"failback"`
	Sound    bool      `json:"sound"`
	Nodes    []Speaker `json:"nodes"`
	Start    string    `json:"before"` // who holds the VIP before the outcomes
	Outcomes []Outcome `json:"outcomes"`
	Problems []Problem `json:"problems,omitempty"`

	With   []string     `json:"with,omitempty"`   // VIPs that move together with it
	Others []Simulation `json:"others,omitempty"` // of the VIPs that move by themselves
}

// WithOthers is the first report, with the others in it.
func WithOthers(all []Simulation) Simulation {
	out := all[0]
	out.Others = all[1:]
	return out
}

// Speaker is a node in an election.
type Speaker struct {
	Node      string `json:"node"`
	Priority  int    `json:"priority"`
	State     string `json:"state"`
	NoPreempt bool   `json:"nopreempt"`
}

// Outcome is what comes of nodes that fail.
type Outcome struct {
	Failing         []string `json:"failing"`
	Failure         string   `json:"failure"`
	Holders         []string `json:"holders"` // afterwards; one, where it is sound and a node is healthy
	Moves           bool     `json:"moves"`
	Milliseconds    int64    `json:"withinMilliseconds,omitempty"`
	Entered         int      `json:"becomeHolder"` // nodes, on the way
	Return          string   `json:"backAgain"`
	ReturnOtherwise string   `json:"backAgainWithOtherFailback"`
}

// Problem is a reason why an election is not sound.
type Problem struct {
	Node string `json:"node"`
	Path string `json:"path"`
	Line int    `json:"line"`
	What string `json:"what"`
	Hint string `json:"cure"`
}

// DescribeSimulation is a simulation as it is reported; unsound says why it is not sound.
func DescribeSimulation(c *inventory.Cluster, contest vrrp.Contest, sim *vrrp.Simulation, unsound error) Simulation {
	out := Simulation{
		Cluster: c.Name, VIP: contest.VIPs[0].String(), Mode: string(c.VRRP.Mode), Failback: failbackOf(c, contest), Sound: unsound == nil,
		Nodes: []Speaker{}, Start: sim.Start, Outcomes: []Outcome{}, Problems: problemsOf(unsound),
	}
	for _, vip := range contest.VIPs[1:] {
		out.With = append(out.With, vip.String())
	}
	for _, s := range sim.Speakers {
		out.Nodes = append(out.Nodes, Speaker{s.Node, s.Priority, s.State, s.NoPreempt})
	}
	for _, o := range sim.Outcomes {
		holders := []string{}
		if o.Holder != "" {
			holders = append(holders, o.Holder)
		}
		out.Outcomes = append(out.Outcomes, Outcome{
			o.Failing, string(o.Failure), append(holders, o.Others...), o.Moves, o.Within.Milliseconds(), o.BecameHolder, o.AfterReturn, o.AfterReturnOtherwise,
		})
	}
	return out
}

// problemsOf lists the reasons that an error joins.
func problemsOf(err error) []Problem {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	var out []Problem
	for _, one := range joined.Unwrap() {
		var p *vrrp.Problem
		if errors.As(one, &p) {
			out = append(out, Problem{p.Node, p.Path, p.Line, p.What, p.Hint()})
		}
	}
	return out
}
