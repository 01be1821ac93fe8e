// Package plan decides what has to change on the nodes of a cluster, and says
// what that does to clients: from the inventory, the facts of the nodes and what
// their generations keep.
//
// Needs says what has to be known beyond the facts, and Make decides:
//
//	for requests := plan.Needs(in); len(requests) > 0; requests = plan.Needs(in) {
//		// read them into in.Snapshots
//	}
//	p, err := plan.Make(in)
//
// The package guarantees:
//
//   - It works on values. It reads no file, no clock and no machine, and the same
//     Input makes the same Plan.
//   - What would break half way is refused before anything changes: a
//     RefusedError names everything in the way, on which node, and the cure.
//   - A plan is in the order in which its nodes may change, and Batches says which
//     of them may do so at once.
//   - Diffs, notes and sums show no secret.
package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// Plan is what an apply would do, node by node in the order of the rollout:
// the holder of the VIP comes last.
type Plan struct {
	Cluster    *inventory.Cluster
	Nodes      []NodePlan
	ConfigMaps []ConfigMapChange      // of the cluster, written when everything else is confirmed
	Goal       Goal                   // what has to be proven when the plan is carried out
	Uninstall  bool                   // every node goes back to what was there before kplb
	Facts      map[string]*node.Facts // that the plan was made from, by node
	notes      []string
}

// Goal is what is true when a plan has been carried out.
type Goal int

const (
	Installed Goal = iota // the VIP leads to every apiserver
	Removed               // the apiservers answer on their own addresses, and no node holds the VIP
)

// NodePlan is what has to happen on one node. It is empty where the node is
// as the inventory wants it.
type NodePlan struct {
	Node     inventory.Node
	Holder   bool     // has the VIP now
	Leaving  bool     // is not in the inventory any more
	Packages []string // to install

	Changes     []Change     // of files but the manifest, in the order of installation
	Certificate *Certificate // of the apiserver; nil: it stays
	Manifest    *Change      // of the apiserver's static pod; nil: none
	Paths       []string     // whose state belongs to a generation of the node

	ReadUnits  bool // systemd has to read its unit files again
	HAProxy    node.Action
	Keepalived node.Action
	Kubelet    node.Action
	Redirect   node.Action // of the VIP's port to haproxy, by nftables: Start, also anew, or Stop
	IPVS       node.Action // of the mark that has the kernel balance, by nftables: likewise
	Enable     []string    // units to start at boot
	Disable    []string    // units not to start at boot any more

	Restart APIServerRestart // of the apiserver, where its manifest changes
	Listen  string           // where the apiserver has to listen afterwards, see ListenAddress; empty: it does already

	// HAProxyListens is where haproxy has to listen afterwards, at one port; none:
	// nowhere.
	HAProxyListens []netip.AddrPort
	// StartKeepalivedLast has keepalived stop, and start when the VIP's holder has
	// changed.
	StartKeepalivedLast bool
	// FailsBack says that the VIP, which another node has, comes to this one,
	// because it has the highest priority.
	FailsBack    bool
	VIPInterface string // which has the VIPs, or will
	Active       []byte // what the daemons have loaded afterwards, for node.ActivePath

	Sysctl          node.Sysctl
	NoBind6         bool     // what IPv6 VIPs needed of the kernel is given back
	RestoreSettings []string // of the kernel, below /proc/sys, that kplb has set: they become what RestoreFrom has
	RestoreFrom     int      // a generation

	UFWAllow, UFWDelete []render.Rule

	notes    []string
	speakers []vrrp.Speaker // what its new files make of it, for each VIP
}

// Empty says whether there is nothing to do.
func (n NodePlan) Empty() bool {
	return len(n.Packages) == 0 && len(n.Changes) == 0 && n.Manifest == nil && n.Certificate == nil &&
		n.HAProxy == node.Leave && n.Keepalived == node.Leave && n.Kubelet == node.Leave && n.Redirect == node.Leave && n.IPVS == node.Leave &&
		n.Sysctl == node.SysctlLeave && n.Listen == "" && len(n.Enable) == 0 && len(n.Disable) == 0 &&
		len(n.UFWAllow) == 0 && len(n.UFWDelete) == 0 && !n.ReadUnits
}

// APIServerLast says whether haproxy has to leave its port before the
// apiserver takes it, and not the other way round.
func (n NodePlan) APIServerLast() bool {
	_, port, _ := strings.Cut(n.Listen, "*:")
	return n.HAProxy == node.Stop || port != "" && (len(n.HAProxyListens) == 0 || port != strconv.Itoa(int(n.HAProxyListens[0].Port())))
}

// Empty says whether every node, and the cluster's own ConfigMaps, are as the
// inventory wants them.
func (p *Plan) Empty() bool {
	if len(p.ConfigMaps) > 0 {
		return false
	}
	for _, n := range p.Nodes {
		if !n.Empty() {
			return false
		}
	}
	return true
}

// Note adds to Notes what was found out beside the plan.
func (p *Plan) Note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

// Notes are what is to be said before anything else: changes that nodes took
// back by themselves, and what is left alone.
func (p *Plan) Notes() []string {
	out := slices.Clone(p.notes)
	for _, n := range p.Nodes {
		if f := p.Facts[n.Node.Name]; f != nil && f.Restored() != "" {
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

// StartsVRRP says whether somebody begins to speak VRRP, or does so under another
// identity.
func (p *Plan) StartsVRRP() bool {
	return slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return n.Keepalived == node.Start || n.Keepalived == node.Restart })
}

// OpensFirewall says whether a firewall is opened: until then, nodes may not hear
// each other.
func (p *Plan) OpensFirewall() bool {
	return slices.ContainsFunc(p.Nodes, func(n NodePlan) bool { return len(n.UFWAllow) > 0 })
}
