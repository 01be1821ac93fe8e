package report

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/templates"
	"github.com/kplb/kplb/vrrp"
)

// simulated writes the simulation of an inventory, as text and as JSON.
func simulated(t *testing.T, text string, change func([]vrrp.Speaker)) (people, programs string) {
	t.Helper()
	set, err := render.Parse(templates.Builtin(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := plantest.Parse(t, text)
	tree, err := set.Cluster(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	speakers, err := vrrp.ReadCluster(c, func(node string) vrrp.Files {
		return vrrp.Files{Keepalived: tree[node+render.KeepalivedPath].Content, HAProxyUnit: tree[node+render.HAProxyUnitPath].Content}
	})
	if err != nil {
		t.Fatal(err)
	}
	change(speakers)
	var out, program bytes.Buffer
	contests := vrrp.Contests(c, speakers)
	all := make([]Simulation, 0, len(contests))
	for _, contest := range contests {
		sim, unsound := vrrp.Simulate(c, contest.Speakers)
		err = errors.Join(err, WriteSimulation(&out, c, contest, sim, unsound == nil))
		all = append(all, DescribeSimulation(c, contest, sim, unsound))
	}
	if err := errors.Join(err, JSON(&program, WithOthers(all))); err != nil {
		t.Fatal(err)
	}
	return out.String(), program.String()
}

// TestSimulation: one VIP, several that move apart, one node, and what is not sound.
func TestSimulation(t *testing.T) {
	t.Parallel()
	const nodes = "nodes:\n  - {name: a, address: 10.1.1.1}\n  - {name: b, address: 10.1.1.2}\n  - {name: c, address: 10.1.1.3}\n"
	const head = "apiVersion: kplb/v1alpha1\nkind: Cluster\nname: home\n"
	for name, c := range map[string]struct {
		inventory string
		change    func([]vrrp.Speaker)
	}{
		"one":     {head + "vip: 10.1.233.1\n" + nodes, func([]vrrp.Speaker) {}},
		"several": {head + "vip: [10.1.233.1, {address: 10.1.233.2, preferred: b}]\n" + nodes, func([]vrrp.Speaker) {}},
		"single":  {head + "vip: 10.1.233.1\nnodes:\n  - {name: a, address: 10.1.1.1}\n", func([]vrrp.Speaker) {}},
		"unsound": {head + "vip: 10.1.233.1\n" + nodes, func(all []vrrp.Speaker) {
			for i := range all {
				all[i].Priority = 100
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people, programs := simulated(t, c.inventory, c.change)
			golden(t, fmt.Sprintf("simulation/%s.txt", name), people)
			golden(t, fmt.Sprintf("simulation/%s.json", name), programs)
		})
	}
}
