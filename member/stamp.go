package member

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
	"github.com/kplb/kplb/render"
)

// Stamped are the paths of the files on the node that kplb has written, whoever edited them
// since.
func Stamped(f *node.Facts) []string {
	var out []string
	for _, path := range render.Paths() {
		if file, there := f.Files[path]; there && render.Stamp(file.Content) != render.Unstamped {
			out = append(out, path)
		}
	}
	return out
}

// HasSpeaker says whether kplb's keepalived.conf is on the node.
func HasSpeaker(f *node.Facts) bool {
	file, there := f.Files[render.KeepalivedPath]
	return there && render.Stamp(file.Content) != render.Unstamped
}

// nodeName is the form of a node's name in an inventory.
var nodeName = regexp.MustCompile(`^[a-z0-9.-]+$`)

// ServersOf are the apiservers that kplb's files on the node balance to: name and
// ADDRESS:PORT.
func ServersOf(f *node.Facts) [][2]string {
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
		for _, server := range ServersOf(f) {
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

// StampedFor is the first file of kplb's that was made for a cluster that is neither of
// this name nor the recorded one; empty: there is none.
func StampedFor(f *node.Facts, name string, own *record.Record) (path, cluster string) {
	for _, path := range slices.Sorted(maps.Keys(f.Files)) {
		if !slices.Contains(render.Paths(), path) {
			continue
		}
		made, _, ok := render.StampedFor(f.Files[path].Content)
		if ok && made != name && (own == nil || made != own.Cluster.Name) {
			return path, node.Clean(made)
		}
	}
	return "", ""
}
