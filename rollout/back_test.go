package rollout

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/record"
)

// TestRefusePackages: who comes back has to have what its files are made for.
func TestRefusePackages(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Nodes: []plan.NodePlan{{Node: inventory.Node{Name: "node-1"}}}}
	says(t, refusePackages(p), "")
	p.Nodes = append(p.Nodes, plan.NodePlan{Node: inventory.Node{Name: "node-4"}, Packages: []string{"haproxy", "keepalived"}})
	says(t, refusePackages(p), "node-4: was a member then, and lacks the packages haproxy keepalived")
}

// TestReach: the nodes of then are logged in to as the inventory of now says, where both have
// them.
func TestReach(t *testing.T) {
	t.Parallel()
	then, now := parse(t, home), parse(t, strings.Replace(home, "ssh: {user: pi}", "ssh: {user: ann, port: 2222}", 1))
	now.Nodes[1].Address = netip.MustParseAddr("10.1.1.22")
	now.Nodes = now.Nodes[:2]
	reach(then, now)
	users := make([]string, len(then.Nodes))
	for i, n := range then.Nodes {
		users[i] = n.SSH.User
	}
	same(t, "users", users, []string{"ann", "pi", "pi"})
}

// TestAbsentThen: who leaves is who is here or a member now, and was not there then.
func TestAbsentThen(t *testing.T) {
	t.Parallel()
	then, now := parse(t, home), parse(t, home+"workers: [{name: worker-1, address: 10.1.1.11}]\n")
	then.Nodes = then.Nodes[:2]
	current := plantest.Record(now, 3)
	current.Members = append(current.Members, record.Member{Name: "node-9", Role: record.ControlPlane, Address: netip.MustParseAddr("10.1.1.9")})
	same(t, "who leaves", strings.Join(inventory.Names(absentThen(then, now, current)), " "), "node-3 worker-1 node-9")
	same(t, "without a record", strings.Join(inventory.Names(absentThen(then, now, nil)), " "), "node-3 worker-1")
	same(t, "nobody", len(absentThen(now, now, nil)), 0)
}

// TestBy: who it was, without the process, in the form of a record.
func TestBy(t *testing.T) {
	t.Parallel()
	for operator, want := range map[string]string{
		"ann@desk, pid 7": "ann@desk", "": "somebody@unknown", "ann": "ann@unknown", "Ann Lee@desk, pid 7": "Ann-Lee@desk", "@desk": "somebody@desk",
	} {
		same(t, operator, by(operator), want)
		r := plantest.Record(parse(t, home), 1)
		r.By = by(operator)
		_, err := record.Parse(r.Bytes())
		says(t, err, "")
	}
}
