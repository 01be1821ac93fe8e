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

// NodePlan is what has to happen on one node. It is empty if the node matches the
// inventory.
type NodePlan struct {
	Node     inventory.Node
	Holder   bool     // holds a VIP now
	Leaving  bool     // is no longer in the inventory
	Restore  bool     // gets the state of an earlier generation
	Packages []string // to install

	Changes     []Change     // of files but the manifest, in the order of installation
	Certificate *Certificate // of the apiserver; nil: it stays
	Manifest    *Change      // of the apiserver's static pod; nil: none
	Paths       []string     // whose state belongs to a generation of the node

	ReadUnits  bool // systemd reads its unit files again
	HAProxy    node.Action
	Keepalived node.Action
	Kubelet    node.Action
	Redirect   node.Action // the nftables rules that redirect the VIP's port to haproxy: Start (also to reload them) or Stop
	IPVS       node.Action // the nftables rules that mark connections for the kernel to balance: likewise
	Enable     []string    // units to start at boot
	Disable    []string    // units that no longer start at boot

	Restart APIServerRestart // of the apiserver, where its manifest changes
	Listen  string           // where the apiserver has to listen afterwards, see ListenAddress; empty: where it listens now
	// APIServerAway says that the node leaves, and its apiserver does not run: nobody
	// waits for it.
	APIServerAway bool

	// HAProxyListens are the addresses, with one port, at which haproxy has to listen
	// afterwards; none: it does not listen.
	HAProxyListens []netip.AddrPort
	// StartKeepalivedLast stops keepalived first, and starts it after the VIP's holder
	// has changed.
	StartKeepalivedLast bool
	// FailsBack says that a VIP moves from another node to this one, which has the
	// highest priority.
	FailsBack    bool
	VIPInterface string // the interface that has the VIPs, or will have them
	Active       []byte // the sums of the files that the daemons have loaded afterwards, for node.ActivePath

	Sysctl          node.Sysctl
	NoBind6         bool     // net.ipv6.ip_nonlocal_bind is restored to its value before kplb
	RestoreSettings []string // kernel settings, as paths below /proc/sys, that are restored from generation RestoreFrom
	RestoreFrom     int      // the number of a generation

	UFWAllow, UFWDelete []render.Rule

	foreign []string // configurations of others that are replaced, see findForeign
	ends    []string // what they do now, and nothing does afterwards

	notes    []string
	speakers []vrrp.Speaker // as its new files configure them, one for each VIP
}

// APIServerLast says whether haproxy has to leave its port before the apiserver
// listens there. Otherwise the apiserver changes first.
func (n NodePlan) APIServerLast() bool {
	_, port, _ := strings.Cut(n.Listen, "*:")
	return n.HAProxy == node.Stop || port != "" && (len(n.HAProxyListens) == 0 || port != strconv.Itoa(int(n.HAProxyListens[0].Port())))
}

// RestartsAPIServer says whether a rollout waits for the node's apiserver.
func (n NodePlan) RestartsAPIServer() bool { return !n.Node.Worker && n.Listen != "" }

// Empty says whether there is nothing to do.
func (n NodePlan) Empty() bool {
	return len(n.Packages) == 0 && len(n.Changes) == 0 && n.Manifest == nil && n.Certificate == nil &&
		n.HAProxy == node.Leave && n.Keepalived == node.Leave && n.Kubelet == node.Leave && n.Redirect == node.Leave && n.IPVS == node.Leave &&
		n.Sysctl == node.SysctlLeave && n.Listen == "" && len(n.Enable) == 0 && len(n.Disable) == 0 &&
		len(n.UFWAllow) == 0 && len(n.UFWDelete) == 0 && !n.ReadUnits
}

// Balancer is where a worker's own haproxy listens afterwards, if it has one.
func (n *NodePlan) Balancer() (netip.AddrPort, bool) {
	if !n.Node.Worker || len(n.HAProxyListens) == 0 {
		return netip.AddrPort{}, false
	}
	return n.HAProxyListens[0], true
}

// MovesClients says whether kubeconfigs are edited, or the apiserver's certificate
// is exchanged.
func (n NodePlan) MovesClients() bool {
	return n.Certificate != nil || slices.ContainsFunc(n.Changes, func(c Change) bool { return c.hide != nil })
}

// Files lists every file that changes, the manifest last.
func (n NodePlan) Files() []Change {
	if n.Manifest == nil {
		return n.Changes
	}
	return append(n.Changes[:len(n.Changes):len(n.Changes)], *n.Manifest)
}

// Overwrites lists the files that a person edited after kplb wrote them.
func (n NodePlan) Overwrites() []string {
	var out []string
	for _, c := range n.Files() {
		if c.Stamp == render.Edited {
			out = append(out, c.Path)
		}
	}
	return out
}

// losesVIP says whether the VIP moves to another node during the change. It stays if
// the kernel balances before HAProxy stops. It moves if HAProxy can start only after
// the apiserver has left its port.
func (n NodePlan) losesVIP() bool {
	switch {
	case !n.Holder:
		return false
	case n.IPVS == node.Start:
		return n.Keepalived == node.Stop
	}
	return n.HAProxy == node.Restart || n.HAProxy == node.Stop || n.Keepalived == node.Stop || n.IPVS == node.Stop && n.Listen != ""
}

func (n *NodePlan) note(format string, args ...any) {
	n.notes = append(n.notes, fmt.Sprintf(format, args...))
}
