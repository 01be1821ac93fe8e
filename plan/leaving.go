package plan

import (
	"net/netip"
	"regexp"
	"slices"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// A node that was removed from the inventory is still a member in the cluster's record.
// It is restored to its state before kplb before the others change: without their
// adverts its keepalived would take the VIP.

// nodeName is the form of a node's name in an inventory.
var nodeName = regexp.MustCompile(`^[a-z0-9.-]+$`)

// serversOf are the apiservers that kplb's files on the node balance to: name and
// ADDRESS:PORT.
func serversOf(f *node.Facts) [][2]string {
	var out [][2]string
	if config := f.Files[render.HAProxyPath].Content; render.Stamp(config) != render.Unstamped {
		for _, s := range haproxy.Parse(config).Servers() {
			plain := len(s.Options) == 0 || len(s.Options) == 2 && s.Options[0] == "tcp-ut" // servers of services have more options
			if plain && nodeName.MatchString(s.Name) {
				out = append(out, [2]string{s.Name, s.Address})
			}
		}
	}
	if config := f.Files[render.KeepalivedPath].Content; render.Stamp(config) != render.Unstamped {
		for _, s := range keepalived.NamedRealServers(config) {
			out = append(out, [2]string{s.Name, s.Address.String()})
		}
	}
	return out
}

// strangers are the servers in kplb's files on the nodes whose name and address are not
// in the inventory. Where these files have peers of keepalived's, only a peer is one:
// another server is a backend of the user's own template.
func strangers(c *inventory.Cluster, facts map[string]*node.Facts) []inventory.Node {
	known := func(name string, at netip.Addr) bool {
		return slices.ContainsFunc(slices.Concat(c.Nodes, c.Workers), func(n inventory.Node) bool { return n.Name == name || n.Address == at })
	}
	var out []inventory.Node
	for _, n := range c.Nodes {
		f := facts[n.Name]
		if f == nil {
			continue
		}
		peers := peersOf(f)
		for _, server := range serversOf(f) {
			name := node.Clean(server[0])
			at, err := netip.ParseAddrPort(server[1])
			if err != nil || known(name, at.Addr()) || slices.ContainsFunc(out, func(n inventory.Node) bool { return n.Name == name }) {
				continue
			}
			if len(peers) > 0 && !slices.Contains(peers, at.Addr()) {
				continue
			}
			ssh := c.SSH
			ssh.Host = at.Addr().String()
			out = append(out, inventory.Node{Name: name, Address: at.Addr(), SSH: ssh})
		}
	}
	return out
}

// peersOf are the addresses that kplb's keepalived on the node sends adverts to.
func peersOf(f *node.Facts) []netip.Addr {
	config := f.Files[render.KeepalivedPath].Content
	if render.Stamp(config) == render.Unstamped {
		return nil
	}
	return keepalived.Peers(config)
}

// planLeaver plans to restore a node to its state before kplb.
func (in *Input) planLeaver(n inventory.Node, f *node.Facts) (NodePlan, error) {
	p, err := in.restoreNode(n, f, 0)
	if p.Certificate != nil && !in.uninstalls() { // until the others have changed, clients of the VIP still reach its apiserver
		p.Certificate = nil
		p.note("its apiserver's certificate stays as it is and still covers the VIP")
	}
	if isWorker(in.Cluster, n) {
		p.note("goes back to what it was before kplb; the next apply gives it what workers get")
	}
	return p, err
}

// isWorker says whether the inventory has the node as a worker.
func isWorker(c *inventory.Cluster, n inventory.Node) bool {
	return slices.ContainsFunc(c.Workers, func(w inventory.Node) bool { return w.Name == n.Name })
}
