package fleet_test

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
)

func names(nodes []inventory.Node) []string {
	out := make([]string, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	return out
}

// TestEveryone: who leaves comes first, and workers come last.
func TestEveryone(t *testing.T) {
	t.Parallel()
	f := &fleet.Fleet{Cluster: plantest.Parse(t, plantest.Home+"workers: [{name: node-4, address: 10.1.1.4}]\n")}
	leaving := []inventory.Node{{Name: "node-9"}, {Name: "node-8"}}
	f.SetLeaving(leaving)
	leaving[0].Name = "another"
	fleettest.Same(t, "everyone", names(f.Everyone()), []string{"node-9", "node-8", "node-1", "node-2", "node-3", "node-4"})
	fleettest.Same(t, "leaving", names(f.Leaving()), []string{"node-9", "node-8"})
	fleettest.Same(t, "present", names(f.Present()), []string{"node-1", "node-2", "node-3"})
}

// TestLeaveOut: nodes that cannot be reached are left out where that is allowed
// and the others are a majority; every other error stays.
func TestLeaveOut(t *testing.T) {
	off := &remote.Error{Host: "node-3", Err: remote.ErrUnreachable}
	slow := &remote.Error{Host: "node-2", Err: remote.ErrTimeout}
	denied := &remote.Error{Host: "node-2", Err: remote.ErrAuth}
	for _, c := range []struct {
		name    string
		allow   bool
		fails   map[string]error
		says    string
		present []string
		told    string // of node-3
	}{
		{"not allowed", false, map[string]error{"node-3": off}, "node-3: is not reachable", []string{"node-1", "node-2", "node-3"}, ""},
		{"one", true, map[string]error{"node-3": off}, "", []string{"node-1", "node-2"}, "left out: is not reachable"},
		{"two", true, map[string]error{"node-2": slow, "node-3": off}, "node-2: did not answer in time\nnode-3: is not reachable\nonly 1 of 3 nodes can be reached, and 2 are needed", []string{"node-1", "node-2", "node-3"}, ""},
		{"one does not let us in", true, map[string]error{"node-2": denied, "node-3": off}, "node-2: login was refused\nnode-3: is not reachable", []string{"node-1", "node-2", "node-3"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fleettest.InBubble(t, func(t *testing.T) {
				f := fleettest.New(t, fleettest.Applied)
				var told fleettest.Told
				f.Fleet.OnEvent, f.Fleet.AllowUnreachable = told.Take, c.allow
				for name, err := range c.fails {
					f.Nodes[name].Dial = func(int) error { return err }
				}
				facts, err := f.Fleet.Inspect(t.Context(), fleet.Inspection{})
				fleettest.Says(t, err, c.says)
				fleettest.Same(t, "present", names(f.Fleet.Present()), c.present)
				fleettest.Same(t, "known", len(facts), 3-len(c.fails))
				fleettest.Same(t, "told of node-3", strings.Join(told.Of("node-3"), "; "), c.told)
				f.Ends()
			})
		})
	}
}

// TestLeftOutIsForgotten: what was found on a node before it was left out says
// nothing any more, and it has no say in what the CA is.
func TestLeftOutIsForgotten(t *testing.T) {
	fleettest.InBubble(t, func(t *testing.T) {
		f := fleettest.New(t, fleettest.Applied)
		f.Fleet.AllowUnreachable = true
		if _, err := f.Fleet.Inspect(t.Context(), fleet.Inspection{}); err != nil {
			t.Fatal(err)
		}
		f.Fleet.Drop(f.Fleet.Cluster.Nodes[0])
		f.Nodes["node-1"].Dial = func(int) error { return &remote.Error{Host: "node-1", Err: remote.ErrUnreachable} }
		facts, err := f.Fleet.Inspect(t.Context(), fleet.Inspection{})
		fleettest.Says(t, err, "")
		fleettest.Same(t, "known", facts["node-1"] == nil && facts["node-2"] != nil, true)
		fleettest.Same(t, "has a CA", len(f.Fleet.CA()) > 0, true)
		f.Ends()
	})
}

// TestNoCA: before anything was found there is none.
func TestNoCA(t *testing.T) {
	t.Parallel()
	f := &fleet.Fleet{Cluster: plantest.Parse(t, plantest.Home)}
	fleettest.Same(t, "CA", f.CA() == nil, true)
}
