package rollout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/render"
)

// Plan is what an apply would do, node by node in the order of the rollout:
// the holder of the VIP comes last.
type Plan struct {
	Cluster *inventory.Cluster
	Nodes   []NodePlan
	facts   map[string]*Facts
}

// NodePlan is what has to happen on one node. It is empty where the node is
// as the inventory wants it.
type NodePlan struct {
	Node       inventory.Node
	Holder     bool     // has the VIP now
	Packages   []string // to install
	Changes    []Change // of files, in the order of installation
	HAProxy    Action
	Keepalived Action
	Sysctl     bool // apply the settings again
	APIServer  bool // wait until kubelet has restarted it and it is bound to its address
	Enable     []string
	units      bool // systemd has to read the unit files again
	active     []byte
}

// Change is one file that differs from what it should be.
type Change struct {
	render.Artifact                   // what it should be, secrets filled in
	Was             *File             // nil: absent
	Stamp           render.StampState // of what is there now
	Diff            string            // unified, secrets blanked
}

// Action is what happens to a daemon.
type Action string

// The actions.
const (
	Leave   Action = ""
	Start   Action = "start"
	Reload  Action = "reload"
	Restart Action = "restart"
)

// Empty says whether there is nothing to do.
func (n NodePlan) Empty() bool {
	return len(n.Packages) == 0 && len(n.Changes) == 0 && n.HAProxy == Leave && n.Keepalived == Leave &&
		!n.Sysctl && !n.APIServer && len(n.Enable) == 0 && !n.units
}

// Empty says whether every node is as the inventory wants it.
func (p *Plan) Empty() bool {
	for _, n := range p.Nodes {
		if !n.Empty() {
			return false
		}
	}
	return true
}

// planNode compares a node with its artifacts.
func planNode(c *inventory.Cluster, n inventory.Node, f *Facts, artifacts []render.Artifact) (NodePlan, error) {
	p := NodePlan{Node: n, Holder: f.Holds(c.VIP)}
	for _, d := range []struct {
		name string
		pkg  Package
	}{{"haproxy", f.HAProxy}, {"keepalived", f.Keepalived}} {
		if !d.pkg.Installed {
			p.Packages = append(p.Packages, d.name)
		}
	}
	for _, a := range artifacts {
		if change, differs := compare(n, f, a); differs {
			p.Changes = append(p.Changes, change)
		}
	}
	manifest, err := manifestChange(n, f)
	if err != nil {
		return p, err
	}
	if manifest != nil {
		p.Changes = append(p.Changes, *manifest)
	}
	p.consequences(c, f, artifacts)
	return p, nil
}

// compare finds out whether the node's file is the artifact, to the bit.
func compare(n inventory.Node, f *Facts, a render.Artifact) (Change, bool) {
	change := Change{Artifact: a}
	was, there := f.Files[a.Path]
	var old []byte
	if there {
		change.Was, change.Stamp, old = &was, render.Stamp(was.Content), was.Content
		if old == nil {
			old = []byte{}
		}
	}
	same := there && was.Mode == a.Mode && was.UID == 0 && was.GID == 0 && bytes.Equal(old, a.Content)
	if same {
		return change, false
	}
	change.Diff = string(render.Diff("on "+n.Name+a.Path, old, "planned"+a.Path, a.Content))
	if change.Diff == "" {
		change.Diff = fmt.Sprintf("%s%s: mode %v, owner %d:%d; planned: mode %v, owner 0:0\n", n.Name, a.Path, was.Mode, was.UID, was.GID, a.Mode)
	}
	return change, true
}

// manifestChange binds the node's own apiserver manifest to the node's
// address. Nil: it already is.
func manifestChange(n inventory.Node, f *Facts) (*Change, error) {
	was, ok := f.Files[kubeadm.ManifestPath]
	if !ok {
		return nil, fmt.Errorf("%s is not there", kubeadm.ManifestPath)
	}
	edited, err := kubeadm.BindTo(was.Content, n.Address)
	if err != nil {
		return nil, fmt.Errorf("%s %w", kubeadm.ManifestPath, err)
	}
	if bytes.Equal(edited, was.Content) {
		return nil, nil
	}
	a := render.Artifact{Path: kubeadm.ManifestPath, Mode: was.Mode & fs.ModePerm, Content: edited, Effect: render.APIServerRestarts}
	return &Change{Artifact: a, Was: &was, Diff: string(render.Diff("on "+n.Name+a.Path, was.Content, "planned"+a.Path, edited))}, nil
}

// consequences decides what has to be reloaded, from the changes and from
// what the running daemons have loaded.
func (n *NodePlan) consequences(c *inventory.Cluster, f *Facts, artifacts []render.Artifact) {
	effects := n.effects(f, artifacts)
	haproxy, keepalived := f.Units["haproxy.service"], f.Units["keepalived.service"]
	n.units = effects[render.UnitReload] || effects[render.HAProxyRestart]
	n.Sysctl = effects[render.SysctlApply] || !f.NonlocalBind
	switch {
	case haproxy.Active != "active":
		n.HAProxy = Start
	case effects[render.HAProxyRestart]:
		n.HAProxy = Restart
	case effects[render.HAProxyReload]:
		n.HAProxy = Reload
	}
	switch {
	case keepalived.Active != "active":
		n.Keepalived = Start
	case effects[render.KeepalivedReload]:
		n.Keepalived = Reload
	}
	n.APIServer = effects[render.APIServerRestarts] || !f.Bound(apiserverOf(c, n.Node))
	for _, unit := range []string{"haproxy.service", "keepalived.service"} {
		if f.Units[unit].File != "enabled" {
			n.Enable = append(n.Enable, unit)
		}
	}
	n.active = activeSums(artifacts)
}

// effects collects those of files that change, and of files that are in place
// but were never seen to be loaded: an apply before this one was cut short.
func (n *NodePlan) effects(f *Facts, artifacts []render.Artifact) map[render.Effect]bool {
	effects := map[render.Effect]bool{}
	for _, change := range n.Changes {
		effects[change.Effect] = true
	}
	loaded := f.Files[activePath].Content
	for _, a := range artifacts {
		if !bytes.Contains(loaded, activeSum(a)) {
			effects[a.Effect] = true
		}
	}
	return effects
}

func activeSums(artifacts []render.Artifact) []byte {
	lines := make([][]byte, len(artifacts))
	for i, a := range artifacts {
		lines[i] = activeSum(a)
	}
	return bytes.Join(lines, nil)
}

// activeSum is one line of the file that says what the daemons have loaded.
func activeSum(a render.Artifact) []byte {
	h := sha256.Sum256(a.Content)
	return []byte(hex.EncodeToString(h[:]) + "  " + a.Path + "\n")
}
