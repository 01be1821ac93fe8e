package rollout

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/status"
	"github.com/kplb/kplb/verify"
)

// modes are the fields of a Rollout that could change what its methods do. What
// was read of the nodes, and the connections to them, are none.
func modes(r *Rollout) map[string]string {
	out := map[string]string{}
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		switch field := v.Type().Field(i); field.Type.Kind() {
		case reflect.Bool, reflect.String, reflect.Slice, reflect.Int64:
			out[field.Name] = fmt.Sprint(v.Field(i))
		}
	}
	return out
}

// TestReadingChangesNoMode: what only reads leaves a Rollout as it was, so that
// what comes after it means the same with and without it.
func TestReadingChangesNoMode(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	fleettest.Plug(f.Machines)
	for _, n := range f.Nodes { // the apiservers refuse anonymous requests, and HAProxy knows
		edit(n.Facts, "/etc/haproxy/haproxy.cfg", "http-check expect status 200\n", "http-check expect status 200,401\n")
	}
	before := modes(f.Rollout)
	if _, err := status.Look(t.Context(), f.Rollout.Fleet, f.NodePlanner); err != nil {
		t.Fatal(err)
	}
	same(t, "after a status", modes(f.Rollout), before)
	if _, err := verify.Installed(t.Context(), f.Rollout.Fleet, fleet.Inspection{}, 0); err != nil {
		t.Fatal(err)
	}
	same(t, "after a verification", modes(f.Rollout), before)
	if _, err := verify.Audit(t.Context(), f.Rollout.Fleet, 0, verify.Depth{Tries: verify.DefaultTries}, f.Planner); err != nil {
		t.Fatal(err)
	}
	same(t, "after an audit", modes(f.Rollout), before)
}

// TestOnlyAuditAsksForMore: what an Audit asks the nodes, nobody asks after it.
func TestOnlyAuditAsksForMore(t *testing.T) {
	t.Parallel()
	f := newFleet(t, applied)
	fleettest.Plug(f.Machines)
	if _, err := verify.Audit(t.Context(), f.Rollout.Fleet, 0, verify.Depth{Tries: verify.DefaultTries}, f.Planner); err != nil {
		t.Fatal(err)
	}
	same(t, "an audit asks for sysctls", fleettest.Asked[node.InspectRequest](f.Machines, "node-1 inspect").Sysctls, true)
	if _, err := f.Inspect(t.Context(), fleet.Inspection{}); err != nil {
		t.Fatal(err)
	}
	same(t, "an inspection after it", fleettest.Asked[node.InspectRequest](f.Machines, "node-1 inspect").Sysctls, false)
}
