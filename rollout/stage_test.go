package rollout

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/plan/plantest"
)

// TestStageRequest says what a node is to stage of a plan.
func TestStageRequest(t *testing.T) {
	t.Parallel()
	r := rolloutOf(t, home)
	r.Fleet.Operator = "ann@desk, pid 7"
	facts := all(t, r, applied)
	f := facts["node-2"]
	edit(f, "/etc/haproxy/haproxy.cfg", "leastconn", "roundrobin")
	delete(f.Files, "/etc/keepalived/kplb-check")
	n := of(planOf(t, r, facts), "node-2")
	was := f.Files["/etc/haproxy/haproxy.cfg"]
	gone := plan.Change{Remove: true, Was: &was}
	gone.Path, gone.Mode = "/etc/old", 0o600
	n.Changes = append(n.Changes, gone)
	recorded := plantest.Record(r.Fleet.Cluster, 2)
	tx := &transaction{fleet: r.Fleet, txn: "txn1", lock: &fleet.Lock{Token: "token1"}, window: 90*time.Second + 500*time.Millisecond}
	same(t, "request", tx.stageRequest(n, recorded), node.StageRequest{
		Txn: "txn1", Token: "token1", About: "ann@desk, pid 7, cluster home",
		Files: []node.StagedFile{
			{Path: "/etc/haproxy/haproxy.cfg", Mode: 0o644, Before: node.SumOf(was.Content), Content: n.Changes[0].Content},
			{Path: "/etc/keepalived/kplb-check", Mode: 0o755, Content: n.Changes[1].Content},
			{Path: "/etc/old", Mode: 0o600, Before: node.SumOf(was.Content), Remove: true},
		},
		Paths: f.ManagedPaths(), Window: 90*time.Second + 500*time.Millisecond, VIPs: r.Fleet.Cluster.VIPs, Interface: "eth0", QuickPort: 6443, Number: 2, Record: recorded.Bytes(),
	})
}

// TestStageVIPs names all VIPs, and the interface that has them.
func TestStageVIPs(t *testing.T) {
	t.Parallel()
	c := parse(t, strings.ReplaceAll(home, "vip: 10.1.233.1", "vip: [10.1.233.1, 10.1.233.2]"))
	staged := (&transaction{fleet: &fleet.Fleet{Cluster: c}, lock: &fleet.Lock{}}).stageRequest(plan.NodePlan{VIPInterface: "eth0"}, plantest.Record(c, 1))
	same(t, "VIPs", fmt.Sprint(staged.VIPs, " ", staged.Interface), "[10.1.233.1 10.1.233.2] eth0")
}
