package plan

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// Target says which state a plan leads to.
type Target int

// The targets.
const (
	ToInventory  Target = iota // what the inventory says
	ToGeneration               // Input.Generation, on every node
)

// Input is what a plan is made from. Make reads nothing else.
type Input struct {
	Cluster   *inventory.Cluster
	Templates *render.Templates
	Secrets   render.Secrets

	Nodes   []inventory.Node // of the inventory, those that could be reached; workers last
	Leaving []inventory.Node // no longer in the inventory; they are restored to their state before kplb
	Absent  []Absence        // those that could not be reached, and are left out

	// Former are the members that are not in the inventory: they leave, or are Forgotten.
	Former    []inventory.Node
	TakenOver []string               // nodes of another cluster that become this one's
	Forgotten []string               // nodes that have left the inventory and no longer exist
	Facts     map[string]*node.Facts // of all of them, by name

	Target     Target
	Generation int // with ToGeneration; 0 is the state before kplb
	// Made says of ToGeneration that Cluster is the inventory of then: what a node needs
	// that keeps no generation is made of it.
	Made bool

	ExpectedStatus       string // what HAProxy accepts from an apiserver's /readyz; empty: 200
	ClusterConfiguration []byte // kubeadm's, where IssuesCertificates says that it is needed
	Snapshots            map[SnapshotRequest]SnapshotAnswer
	Now                  time.Time // the time at which certificates are checked for expiry
}

// Absence is a node that is left out of a plan.
type Absence struct {
	Node inventory.Node
	Why  string // it cannot be reached, without its name
}

// SnapshotRequest names a generation of a node.
type SnapshotRequest struct {
	Node       string
	Generation int
}

// SnapshotAnswer is what a node has said to a SnapshotRequest: the state that
// the generation keeps, or why it could not be read, which is a
// *node.RefusedError where the node does not have the generation.
type SnapshotAnswer struct {
	Snapshot *node.Snapshot
	Err      error
}

// Needs names the generations that Make needs and in.Snapshots does not have.
// The content of one may require another: call it again until it names none. It
// names none where Make returns a refusal.Error in any case.
func Needs(in Input) []SnapshotRequest {
	if in.refused() != nil {
		return nil
	}
	var out []SnapshotRequest
	for _, n := range in.members() {
		out = append(out, NodeNeeds(in, n)...)
	}
	return out
}

// NodeNeeds is Needs for MakeNode.
func NodeNeeds(in Input, n inventory.Node) []SnapshotRequest {
	return slices.DeleteFunc(in.wanted(n, in.Facts[n.Name]), func(q SnapshotRequest) bool {
		_, there := in.Snapshots[q]
		return there
	})
}

// wanted are the generations that are needed of a node, as far as is known from
// the snapshots read so far.
func (in *Input) wanted(n inventory.Node, f *node.Facts) []SnapshotRequest {
	first := []SnapshotRequest{{n.Name, 0}}
	switch {
	case in.isLeaving(n) && f.Generation() != "":
		return in.wantedToRestore(n, f, 0)
	case in.isLeaving(n):
		return nil
	case in.Target != ToInventory && !makes(in, f):
		return in.wantedToRestore(n, f, in.Generation)
	case n.Worker && in.Cluster.WorkerBalancer == nil && len(balancers(f)) > 0:
		return first
	case !n.Worker && in.leavesHAProxy(f) && f.Generation() != "":
		return first
	}
	return nil
}

// wantedToRestore are the generation that the node is restored to, and its newest one
// if the apiserver's certificate has changed since.
func (in *Input) wantedToRestore(n inventory.Node, f *node.Facts, number int) []SnapshotRequest {
	if n.Worker && f.Generation() == "" {
		return nil
	}
	out := []SnapshotRequest{{n.Name, number}}
	s := in.Snapshots[out[0]].Snapshot
	if newest, err := strconv.Atoi(f.Generation()); err == nil && s != nil && !n.Worker && certificateDiffers(f, s) {
		out = append(out, SnapshotRequest{n.Name, newest})
	}
	return out
}

// snapshot returns a generation that Needs has asked for.
func (in *Input) snapshot(n inventory.Node, generation int) (*node.Snapshot, error) {
	answer, there := in.Snapshots[SnapshotRequest{n.Name, generation}]
	if !there {
		return nil, errors.New(n.Name + ": generation " + strconv.Itoa(generation) + " is needed for a plan, and was not read")
	}
	return answer.Snapshot, answer.Err
}

// makes says whether the node's files are made of the inventory, although others go back
// to a generation: the node keeps none.
func makes(in *Input, f *node.Facts) bool {
	return in.Made && in.Generation > 0 && f.Generation() == ""
}

// certificateDiffers says whether the apiserver's certificate is not the one of the
// generation.
func certificateDiffers(f *node.Facts, s *node.Snapshot) bool {
	path := f.Distribution.Layout().Certificate
	now, there := f.Files[path]
	return there && !bytes.Equal(now.Content, s.Files[path].Content)
}

// members are the nodes in the order in which they are planned: those that leave
// first, workers last.
func (in *Input) members() []inventory.Node { return slices.Concat(in.Leaving, in.Nodes) }

func (in *Input) isLeaving(n inventory.Node) bool {
	return slices.ContainsFunc(in.Leaving, func(m inventory.Node) bool { return m.Name == n.Name })
}
