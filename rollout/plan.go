package rollout

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

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
	ConfigMaps []ConfigMapChange // of the cluster, written when everything else is confirmed
	facts      map[string]*node.Facts
	notes      []string
	away       bool // to what was before kplb
	prove      func(r *Rollout, ctx context.Context, patience time.Duration) (*Proof, error)
}

// NodePlan is what has to happen on one node. It is empty where the node is
// as the inventory wants it.
type NodePlan struct {
	Node         inventory.Node
	Holder       bool         // has the VIP now
	Leaving      bool         // is not in the inventory any more
	Packages     []string     // to install
	Changes      []Change     // of files but the manifest, in the order of installation
	Certificate  *Certificate // of the apiserver; nil: it stays
	Manifest     *Change      // of the apiserver's static pod; nil: none
	HAProxy      node.Action
	Keepalived   node.Action
	Kubelet      node.Action
	Redirect     node.Action // of the VIP's port to haproxy, by nftables: start, also anew, or stop
	Director     node.Action // the mark that has the kernel balance, by nftables: likewise
	Sysctl       node.Sysctl
	Restart      APIServerRestart // of the apiserver, where its manifest changes
	Listen       string           // where the apiserver has to listen afterwards; empty: it does already
	Enable       []string         // units to start at boot
	Disable      []string
	open, close  []render.Rule    // of the firewall
	units        bool             // systemd has to read the unit files again
	serves       []netip.AddrPort // where haproxy has to listen afterwards, at one port; none: nowhere
	waits        bool             // with its keepalived until the VIP's holder has changed
	notes        []string
	paths        []string // whose state belongs to a generation
	vipInterface string   // of the VIPs
	active       []byte
	takes        bool           // the VIP, which another node has, by its priority
	speakers     []vrrp.Speaker // what its new files make of it, for each VIP
	noBind6      bool           // what IPv6 VIPs needed of the kernel is given back
	gives        []string       // and what else kplb has set, as a generation had it
	givesOf      int            // that generation
}

// Empty says whether there is nothing to do.
func (n NodePlan) Empty() bool {
	return len(n.Packages) == 0 && len(n.Changes) == 0 && n.Manifest == nil && n.Certificate == nil && n.HAProxy == node.Leave && n.Keepalived == node.Leave && n.Kubelet == node.Leave && n.Redirect == node.Leave && n.Director == node.Leave &&
		n.Sysctl == node.SysctlLeave && n.Listen == "" && len(n.Enable) == 0 && len(n.Disable) == 0 && len(n.open) == 0 && len(n.close) == 0 && !n.units
}

// apiserverLast says whether haproxy has to leave its port before the
// apiserver takes it, and not the other way round.
func (n NodePlan) apiserverLast() bool {
	_, port, _ := strings.Cut(n.Listen, "*:")
	return n.HAProxy == node.Stop || port != "" && (len(n.serves) == 0 || port != strconv.Itoa(int(n.serves[0].Port())))
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
