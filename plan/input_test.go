package plan

import (
	"errors"
	"testing"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/render"
)

// requests are what is needed of nodes.
func requests(numbers ...any) []SnapshotRequest {
	var out []SnapshotRequest
	for i := 0; i < len(numbers); i += 2 {
		out = append(out, SnapshotRequest{numbers[i].(string), numbers[i+1].(int)})
	}
	return out
}

// TestNeeds names a generation where something of it comes back, and nowhere
// else.
func TestNeeds(t *testing.T) {
	t.Parallel()
	ipvs := func(in *Input) { in.Cluster.Exposure = inventory.IPVS }
	none := func(*Input) {}
	for _, c := range []struct {
		name    string
		cluster func(*Input)
		change  func(map[string]*node.Facts)
		to      Target
		number  int
		want    []SnapshotRequest
	}{
		{"nothing comes back", none, func(map[string]*node.Facts) {}, ToInventory, 0, nil},
		{"haproxy as before kplb", ipvs, func(map[string]*node.Facts) {}, ToInventory, 0, requests("node-1", 0, "node-2", 0, "node-3", 0)},
		{"haproxy.cfg is somebody else's", ipvs, func(facts map[string]*node.Facts) {
			put(facts["node-2"], render.HAProxyPath, 0o644, []byte("# mine\n"))
		}, ToInventory, 0, requests("node-1", 0, "node-3", 0)},
		{"kplb has made no generation yet", ipvs, func(facts map[string]*node.Facts) {
			for _, f := range facts {
				delete(f.Files, "/var/lib/kplb/current")
			}
		}, ToInventory, 0, nil},
		{"all to one generation", none, func(map[string]*node.Facts) {}, ToGeneration, 4, requests("node-1", 4, "node-2", 4, "node-3", 4)},
		{"a change waits: Make refuses", none, func(facts map[string]*node.Facts) {
			put(facts["node-2"], "/var/lib/kplb/pending/txn", 0o600, []byte("abc\n"))
		}, ToGeneration, 0, nil},
		{"a node has no systemd: Make refuses", ipvs, func(facts map[string]*node.Facts) { facts["node-2"].Units = nil }, ToInventory, 0, nil},
	} {
		in := inputOf(t, home)
		facts := all(t, in, applied)
		for _, f := range facts {
			f.Kernel.IPVS = "there"
		}
		c.cluster(in)
		c.change(facts)
		input := in.with(facts)
		input.Target, input.Generation = c.to, c.number
		same(t, c.name, Needs(input), c.want)
	}
}

// TestNeedsTheNewestForACertificate: whether the certificate in place is kplb's is
// seen in the newest generation, where it is another one than then.
func TestNeedsTheNewestForACertificate(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, applied)
	for _, f := range facts {
		put(f, kubeadm.CertificatePath, 0o644, servingCertificate(t, []string{"kubernetes"}))
		put(f, "/var/lib/kplb/current", 0o600, []byte("3\n"))
	}
	input := in.with(facts)
	input.Target, input.Generation, input.Snapshots = ToGeneration, 2, map[SnapshotRequest]SnapshotAnswer{}
	same(t, "first", Needs(input), requests("node-1", 2, "node-2", 2, "node-3", 2))
	input.Snapshots[SnapshotRequest{"node-1", 2}] = SnapshotAnswer{Snapshot: plantest.Snapshot(facts["node-1"])}
	input.Snapshots[SnapshotRequest{"node-2", 2}] = SnapshotAnswer{Snapshot: plantest.Snapshot(fresh(t, in.Cluster, in.Cluster.Nodes[1]))}
	input.Snapshots[SnapshotRequest{"node-3", 2}] = SnapshotAnswer{Err: errors.New("connection lost")}
	same(t, "then", Needs(input), requests("node-2", 3))
	input.Snapshots[SnapshotRequest{"node-2", 3}] = SnapshotAnswer{Snapshot: plantest.Snapshot(facts["node-2"])}
	same(t, "no more", len(Needs(input)), 0)
	_, err := Make(input)
	says(t, err, "connection lost")
}

// TestMakeWithoutItsSnapshots says which one was not read.
func TestMakeWithoutItsSnapshots(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	input := in.with(all(t, in, applied))
	input.Target, input.Generation = ToGeneration, 5
	_, err := Make(input)
	says(t, err, "node-1: generation 5 is needed for a plan, and was not read")
}

// TestMakeNode plans one node although another one would be refused.
func TestMakeNode(t *testing.T) {
	t.Parallel()
	in := inputOf(t, home)
	facts := all(t, in, applied)
	facts["node-2"].Addresses = nil
	edit(facts["node-3"], render.HAProxyPath, "leastconn", "roundrobin")
	input := in.with(facts)
	n, err := MakeNode(input, in.Cluster.Nodes[2])
	says(t, err, "")
	same(t, "files", retell(n).Files, []string{"changed " + render.HAProxyPath})
	same(t, "needs", len(NodeNeeds(input, in.Cluster.Nodes[2])), 0)
}
