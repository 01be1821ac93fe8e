package rollout

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Plan is what an apply would do, node by node in the order of the rollout:
// the holder of the VIP comes last.
type Plan struct {
	Cluster *inventory.Cluster
	Nodes   []NodePlan
	Objects []Object // of the cluster, written when everything else is confirmed
	facts   map[string]*Facts
	notes   []string
	away    bool // to what was before kplb
	prove   func(r *Rollout, ctx context.Context, patience time.Duration) (*Proof, error)
}

// NodePlan is what has to happen on one node. It is empty where the node is
// as the inventory wants it.
type NodePlan struct {
	Node        inventory.Node
	Holder      bool         // has the VIP now
	Leaving     bool         // is not in the inventory any more
	Packages    []string     // to install
	Changes     []Change     // of files but the manifest, in the order of installation
	Certificate *Certificate // of the apiserver; nil: it stays
	Manifest    *Change      // of the apiserver's static pod; nil: none
	HAProxy     Action
	Keepalived  Action
	Kubelet     Action
	Redirect    Action // of the VIP's port to haproxy, by nftables: start, also anew, or stop
	Director    Action // the mark that has the kernel balance, by nftables: likewise
	Sysctl      Sysctl
	Listen      string   // where the apiserver has to listen afterwards; empty: it does already
	Enable      []string // units to start at boot
	Disable     []string
	open, close []render.Rule    // of the firewall
	units       bool             // systemd has to read the unit files again
	serves      []netip.AddrPort // where haproxy has to listen afterwards, at one port; none: nowhere
	waits       bool             // with its keepalived until the VIP's holder has changed
	notes       []string
	paths       []string // whose state belongs to a generation
	vip         string   // a line for each: what "ip address del" takes
	active      []byte
	takes       bool             // the VIP, which another node has, by its priority
	speakers    []render.Speaker // what its new files make of it, for each VIP
	noBind6     bool             // what IPv6 VIPs needed of the kernel is given back
	gives       []string         // and what else kplb has set, as a generation had it
	givesOf     int              // that generation
}

// Change is one file that differs from what it should be.
type Change struct {
	render.Artifact                   // what it should be, secrets filled in
	Remove          bool              // it should not be there
	Owner           string            // uid:gid
	Was             *File             // nil: absent
	Stamp           render.StampState // of what is there now
	Diff            string            // unified, secrets blanked

	hide func([]byte) []byte // what a diff must not show; nil: nothing
}

// Action is what happens to a daemon.
type Action string

// The actions.
const (
	Leave   Action = ""
	Start   Action = "start"
	Reload  Action = "reload"
	Restart Action = "restart"
	Stop    Action = "stop"
)

// Sysctl is what happens to the kernel's settings.
type Sysctl string

// The settings stay, are applied, or are taken away.
const (
	SysctlLeave Sysctl = ""
	SysctlOn    Sysctl = "1"
	SysctlOff   Sysctl = "0"
)

// Empty says whether there is nothing to do.
func (n NodePlan) Empty() bool {
	return len(n.Packages) == 0 && len(n.Changes) == 0 && n.Manifest == nil && n.Certificate == nil && n.HAProxy == Leave && n.Keepalived == Leave && n.Kubelet == Leave && n.Redirect == Leave && n.Director == Leave &&
		n.Sysctl == SysctlLeave && n.Listen == "" && len(n.Enable) == 0 && len(n.Disable) == 0 && len(n.open) == 0 && len(n.close) == 0 && !n.units
}

// apiserverLast says whether haproxy has to leave its port before the
// apiserver takes it, and not the other way round.
func (n NodePlan) apiserverLast() bool {
	_, port, _ := strings.Cut(n.Listen, "*:")
	return n.HAProxy == Stop || port != "" && (len(n.serves) == 0 || port != strconv.Itoa(int(n.serves[0].Port())))
}

// Empty says whether every node, and the cluster's own records, are as the
// inventory wants them.
func (p *Plan) Empty() bool {
	if len(p.Objects) > 0 {
		return false
	}
	for _, n := range p.Nodes {
		if !n.Empty() {
			return false
		}
	}
	return true
}

// planNode compares a node with its artifacts.
func planNode(c *inventory.Cluster, n inventory.Node, f *Facts, artifacts []render.Artifact) (NodePlan, error) {
	p := newNodePlan(c, n, f)
	for _, d := range []struct {
		name string
		pkg  Package
	}{{"haproxy", f.HAProxy}, {"keepalived", f.Keepalived}} {
		if !d.pkg.Installed && (d.name != "haproxy" || c.Exposure != inventory.IPVS) {
			p.Packages = append(p.Packages, d.name)
		}
	}
	for _, a := range artifacts {
		if change, differs := compare(n, f, a, 0, 0); differs {
			p.Changes = append(p.Changes, change)
		}
	}
	p.planStale(f, artifacts)
	if err := p.planManifest(f, expose(c, n, exposureOn(c, f))); err != nil {
		return p, err
	}
	p.planEndpoint(c, f)
	p.planFirewall(c, f)
	p.consequences(c, f, artifacts)
	p.planIdentity(f, artifacts)
	p.planFailback(c, f)
	p.noteMetrics(c, f)
	return p, nil
}

func newNodePlan(c *inventory.Cluster, n inventory.Node, f *Facts) NodePlan {
	address, _ := f.InterfaceOf(n.Address)
	vips := make([]string, len(c.VIPs))
	for i, vip := range c.VIPs {
		vips[i] = fmt.Sprintf("%s dev %s", netip.PrefixFrom(vip, vip.BitLen()), address.Interface)
	}
	p := NodePlan{Node: n, Holder: f.holdsAny(c.VIPs), vip: strings.Join(vips, "\n"), paths: f.managedPaths()}
	if c.Exposure != inventory.IPVS {
		p.serves = c.Frontends()
	}
	return p
}

// compare finds out whether the node's file is the artifact, to the bit.
func compare(n inventory.Node, f *Facts, a render.Artifact, uid, gid int) (Change, bool) {
	change := Change{Artifact: a, Owner: fmt.Sprintf("%d:%d", uid, gid)}
	was, there := f.Files[a.Path]
	if there && was.Mode == a.Mode && was.UID == uid && was.GID == gid && bytes.Equal(was.Content, a.Content) {
		return change, false
	}
	if there {
		change.Was, change.Stamp = &was, render.Stamp(was.Content)
	}
	change.describe(n)
	return change, true
}

// describe writes the difference for people.
func (c *Change) describe(n inventory.Node) {
	var old, planned []byte
	if c.Was != nil {
		old = append([]byte{}, c.Was.Content...)
	}
	if !c.Remove {
		planned = append([]byte{}, c.Content...)
	}
	old, planned = c.hidden(old), c.hidden(planned)
	c.Diff = remote.Clean(string(render.Diff("on "+n.Name+c.Path, old, "planned"+c.Path, planned)))
	if c.Diff == "" && c.Was != nil {
		c.Diff = fmt.Sprintf("%s%s: mode %v, owner %d:%d; planned: mode %v, owner %s\n",
			n.Name, c.Path, c.Was.Mode, c.Was.UID, c.Was.GID, c.Mode, c.Owner)
	}
}

func (c *Change) hidden(text []byte) []byte {
	if c.hide == nil {
		return text
	}
	return c.hide(text)
}

// planManifest has the node's own apiserver manifest edited.
func (n *NodePlan) planManifest(f *Facts, edit func([]byte) ([]byte, error)) error {
	was, ok := f.Files[kubeadm.ManifestPath]
	if !ok {
		return fmt.Errorf("%s is not there", kubeadm.ManifestPath)
	}
	edited, err := edit(was.Content)
	if err != nil {
		return fmt.Errorf("%s %w", kubeadm.ManifestPath, err)
	}
	if bytes.Equal(edited, was.Content) {
		return nil
	}
	n.Manifest = &Change{
		Artifact: render.Artifact{
			Path: kubeadm.ManifestPath, Mode: was.Mode & fs.ModePerm, Content: edited, Effect: render.APIServerRestarts,
		},
		Owner: fmt.Sprintf("%d:%d", was.UID, was.GID), Was: &was,
	}
	n.Manifest.describe(n.Node)
	return nil
}

// Files lists every file that changes, the manifest last.
func (n NodePlan) Files() []Change {
	if n.Manifest == nil {
		return n.Changes
	}
	return append(n.Changes[:len(n.Changes):len(n.Changes)], *n.Manifest)
}

// consequences decides what has to be reloaded, from the changes and from
// what the running daemons have loaded.
func (n *NodePlan) consequences(c *inventory.Cluster, f *Facts, artifacts []render.Artifact) {
	effects := n.effects(f, artifacts)
	haproxy, keepalived := f.Units["haproxy.service"], f.Units["keepalived.service"]
	n.units = effects[render.UnitReload] || effects[render.HAProxyRestart]
	if effects[render.SysctlApply] || !f.settled(artifacts) {
		n.Sysctl = SysctlOn
	}
	n.gives = given(f, artifacts)
	n.noBind6 = f.NonlocalBind6 && settings(artifacts)[nonlocalBind6] == "" && bytes.Contains(f.Files[render.SysctlPath].Content, []byte(nonlocalBind6))
	switch {
	case !has(artifacts, render.HAProxyPath): // see planAlone
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
	manifest := f.Files[kubeadm.ManifestPath].Content
	if n.Manifest != nil {
		manifest = n.Manifest.Content
	}
	if at := listens(manifest, c.Port); n.Manifest != nil || at != "" && !f.apiserverListens(at) {
		n.Listen = at
	}
	n.planTables(c, f, artifacts, effects)
	n.planMetrics(f, artifacts)
	for _, unit := range []string{"haproxy.service", "keepalived.service"} {
		if f.Units[unit].File != "enabled" && (unit != "haproxy.service" || has(artifacts, render.HAProxyPath)) {
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

// Sums are the sha256 of the file as it is and as it is planned, with secrets
// blanked: for a plan that is kept. Where there is no file, it is "absent".
func (c Change) Sums() (before, after string) {
	before, after = absent, absent
	if c.Was != nil {
		before = hash(c.hidden(render.Redact(c.Was.Content)))
	}
	if !c.Remove {
		after = hash(c.hidden(render.Redact(c.Content)))
	}
	return before, after
}

func (p *Plan) note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

// Notes are what is to be said before anything else: changes that nodes took
// back by themselves, and what is left alone.
func (p *Plan) Notes() []string {
	out := slices.Clone(p.notes)
	for _, n := range p.Nodes {
		if f := p.facts[n.Node.Name]; f != nil && f.Restored() != "" {
			out = append(out, n.Node.Name+": "+f.Restored())
		}
		for _, note := range n.notes {
			out = append(out, n.Node.Name+": "+note)
		}
	}
	return out
}

// Changing names the nodes where something is to be done, in the order of the
// rollout.
func (p *Plan) Changing() []string {
	var out []string
	for _, n := range p.Nodes {
		if !n.Empty() {
			out = append(out, n.Node.Name)
		}
	}
	return out
}
