package cmd

import (
	"errors"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/vrrp"
)

// simulationReport is a simulation for programs.
type simulationReport struct {
	Cluster  string            `json:"cluster"`
	VIP      string            `json:"vip"`
	Mode     string            `json:"mode"`
	Failback bool              `json:"failback"`
	Sound    bool              `json:"sound"`
	Nodes    []speakerReport   `json:"nodes"`
	Start    string            `json:"before"` // who holds the VIP before the outcomes
	Outcomes []outcomeReport   `json:"outcomes"`
	Problems []unsoundProblems `json:"problems,omitempty"`

	With   []string           `json:"with,omitempty"`   // VIPs that move together with it
	Others []simulationReport `json:"others,omitempty"` // of the VIPs that move by themselves
}

// withOthers is the first report, with the others in it.
func withOthers(all []simulationReport) simulationReport {
	out := all[0]
	out.Others = all[1:]
	return out
}

type speakerReport struct {
	Node      string `json:"node"`
	Priority  int    `json:"priority"`
	State     string `json:"state"`
	NoPreempt bool   `json:"nopreempt"`
}

type outcomeReport struct {
	Failing         []string `json:"failing"`
	Failure         string   `json:"failure"`
	Holders         []string `json:"holders"` // afterwards; one, where it is sound and a node is healthy
	Moves           bool     `json:"moves"`
	Milliseconds    int64    `json:"withinMilliseconds,omitempty"`
	Entered         int      `json:"becomeHolder"` // nodes, on the way
	Return          string   `json:"backAgain"`
	ReturnOtherwise string   `json:"backAgainWithOtherFailback"`
}

type unsoundProblems struct {
	Node string `json:"node"`
	Path string `json:"path"`
	Line int    `json:"line"`
	What string `json:"what"`
	Hint string `json:"cure"`
}

func describeSimulation(c *inventory.Cluster, contest vrrp.Contest, sim *vrrp.Simulation, unsound error) simulationReport {
	out := simulationReport{
		Cluster: c.Name, VIP: contest.VIPs[0].String(), Mode: string(c.VRRP.Mode), Failback: failbackOf(c, contest), Sound: unsound == nil,
		Nodes: []speakerReport{}, Start: sim.Start, Outcomes: []outcomeReport{}, Problems: problemsOf(unsound),
	}
	for _, vip := range contest.VIPs[1:] {
		out.With = append(out.With, vip.String())
	}
	for _, s := range sim.Speakers {
		out.Nodes = append(out.Nodes, speakerReport{s.Node, s.Priority, s.State, s.NoPreempt})
	}
	for _, o := range sim.Outcomes {
		holders := []string{}
		if o.Holder != "" {
			holders = append(holders, o.Holder)
		}
		out.Outcomes = append(out.Outcomes, outcomeReport{
			o.Failing, string(o.Failure), append(holders, o.Others...), o.Moves, o.Within.Milliseconds(), o.BecameHolder, o.AfterReturn, o.AfterReturnOtherwise,
		})
	}
	return out
}

// problemsOf lists the reasons that an error joins.
func problemsOf(err error) []unsoundProblems {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	var out []unsoundProblems
	for _, one := range joined.Unwrap() {
		var p *vrrp.Problem
		if errors.As(one, &p) {
			out = append(out, unsoundProblems{p.Node, p.Path, p.Line, p.What, p.Hint()})
		}
	}
	return out
}
