package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
)

// leaversOf are the members that are not in the inventory.
func leaversOf(t *testing.T, in *Input, facts map[string]*node.Facts) []inventory.Node {
	t.Helper()
	m, err := member.Identify(in.Cluster, in.Cluster.Nodes, facts, member.Claims{})
	if err != nil {
		t.Fatal(err)
	}
	return m.Leavers(in.Cluster, facts, member.Claims{})
}

// left is home without node-3, which is a member.
func left(t *testing.T) (*Input, Input) {
	t.Helper()
	in := inputOf(t, home)
	facts := all(t, in, applied)
	in.Cluster.Nodes = in.Cluster.Nodes[:2]
	input := in.with(facts)
	input.Leaving = leaversOf(t, in, facts)
	return in, input
}

// TestLeaving has a node go back to what it was, before the others forget it.
func TestLeaving(t *testing.T) {
	t.Parallel()
	in, input := left(t)
	same(t, "who leaves", namesOf(input.Leaving), "node-3")
	same(t, "needs", Needs(input), requests("node-3", 0))
	before := fresh(t, in.Cluster, input.Leaving[0])
	put(before, kubeadm.CertificatePath, 0o644, servingCertificate(t, []string{"kubernetes"}))
	put(input.Facts["node-3"], kubeadm.CertificatePath, 0o644, servingCertificate(t, []string{"kubernetes"}, "10.1.233.1"))
	p, err := makeWith(t, input, savedSnapshots{
		{"node-3", 0}: plantest.Snapshot(before), {"node-3", 1}: plantest.Snapshot(input.Facts["node-3"]),
	})
	says(t, err, "")
	same(t, "order", namesOf(nodesOf(p.Nodes)), "node-3 node-2 node-1")
	same(t, "goal", p.Goal, Installed)
	n := p.Nodes[0]
	same(t, "leaves", n.Leaving, true)
	same(t, "stops", []node.Action{n.HAProxy, n.Keepalived}, []node.Action{node.Stop, node.Stop})
	same(t, "certificate", n.Certificate == nil, true)
	same(t, "note", slices.Contains(p.Notes(), "node-3: its apiserver's certificate stays as it is and still covers the VIP"), true)
	same(t, "the others", p.Nodes[1].HAProxy, node.Reload)
	together := make([]string, 0, len(p.Nodes))
	for _, batch := range p.Batches() {
		together = append(together, namesOf(nodesOf(batch)))
	}
	same(t, "batches", strings.Join(together, "|"), "node-3|node-2|node-1")
}

// TestLeavingWithoutGeneration: where kplb has left no file, nothing was ever done; where its
// files are, they go, and its daemons stop, though what was there before is lost.
func TestLeavingWithoutGeneration(t *testing.T) {
	t.Parallel()
	in, input := left(t)
	input.Facts["node-3"] = fresh(t, in.Cluster, input.Leaving[0])
	p, err := makeWith(t, input, nil)
	says(t, err, "")
	same(t, "leaves", p.of("node-3").Leaving, true)
	same(t, "nothing to do", p.of("node-3").Empty(), true)

	_, input = left(t)
	delete(input.Facts["node-3"].Files, "/var/lib/kplb/current")
	p, err = makeWith(t, input, nil)
	says(t, err, "")
	n := p.of("node-3")
	same(t, "leaves", n.Leaving, true)
	same(t, "daemons", []node.Action{n.HAProxy, n.Keepalived}, []node.Action{node.Stop, node.Stop})
	same(t, "disabled", n.Disable, []string{"haproxy.service", "keepalived.service"})
	same(t, "manifest", n.Manifest == nil, true)
	same(t, "sysctl", n.Sysctl, node.SysctlOff)
	same(t, "removed", slices.Contains(retell(n).Files, "removed "+render.KeepalivedPath) && slices.Contains(retell(n).Files, "removed "+render.HAProxyPath), true)
	same(t, "notes", p.Notes(), []string{"node-3: /var/lib/kplb is lost, and with it what was there before: kplb's files go, and the apiserver's manifest stays as it is"})
}

// TestLeavingWithForeignFiles: without generations, too, what others have written stays.
func TestLeavingWithForeignFiles(t *testing.T) {
	t.Parallel()
	_, input := left(t)
	f := input.Facts["node-3"]
	delete(f.Files, "/var/lib/kplb/current")
	put(f, render.HAProxyPath, 0o644, []byte("frontend ingress\n    bind *:443\n"))
	p, err := makeWith(t, input, nil)
	says(t, err, "")
	n := p.of("node-3")
	same(t, "daemons", []node.Action{n.HAProxy, n.Keepalived}, []node.Action{node.Restart, node.Stop}) // its drop-in goes
	same(t, "disabled", n.Disable, []string{"keepalived.service"})
	same(t, "ends", n.Ends(), []string(nil))
}

// TestLeavingKubernetes: a node that has left the cluster already has no manifest
// any more.
func TestLeavingKubernetes(t *testing.T) {
	t.Parallel()
	in, input := left(t)
	before := plantest.Snapshot(fresh(t, in.Cluster, input.Leaving[0]))
	delete(input.Facts["node-3"].Files, kubeadm.ManifestPath)
	p, err := makeWith(t, input, savedSnapshots{{"node-3", 0}: before})
	says(t, err, "")
	same(t, "manifest", p.of("node-3").Manifest == nil, true)
	same(t, "removed", slices.Contains(retell(p.of("node-3")).Files, "removed "+render.KeepalivedPath), true)
}
