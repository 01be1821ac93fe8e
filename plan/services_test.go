package plan

import (
	"testing"

	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/plan/plantest"
)

// withServices is home with a worker and what services can be.
const withServices = home + `workers: [{name: node-4, address: 10.1.1.4}]
services:
  - {name: web, port: 80, nodePort: 30080}
  - {name: game, port: 7777, nodePort: 30777, sessionAffinity: ClientIP}
`

// TestServersOfServicesDoNotLeave: what a service leads to is no control-plane
// node, and not asked to go back to what it was when it is not listed any more.
func TestServersOfServicesDoNotLeave(t *testing.T) {
	t.Parallel()
	in := inputOf(t, withServices)
	facts := all(t, in, applied)
	for _, f := range facts {
		plantest.Unrecorded(f, 1)
	}
	in.Cluster.Workers = nil
	if left := (member.Membership{}).Strangers(in.Cluster, facts); len(left) > 0 {
		t.Errorf("%v leave", namesOf(left))
	}
	in.Cluster.Nodes = in.Cluster.Nodes[:2]
	same(t, "leavers", namesOf(member.Membership{}.Strangers(in.Cluster, facts)), "node-3")
}
