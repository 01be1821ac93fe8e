package rollout

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// refuseWorker wants a node that kubeadm joined.
func refuseWorker(f *node.Facts, refuse refuseFunc) {
	if len(f.Units) == 0 {
		refuse("", "kplb needs systemd on the nodes", "systemd does not answer")
	}
	if _, ok := f.Files[kubeadm.KubeletPath]; !ok {
		refuse("", "list workers that kubeadm has joined", "%s is not there: not a kubeadm worker", kubeadm.KubeletPath)
	}
}

type refuseFunc func(where, cure, what string, args ...any)

func refuseNetwork(c *inventory.Cluster, n inventory.Node, f *node.Facts, at string, refuse refuseFunc) {
	address, ok := f.InterfaceOf(n.Address)
	switch {
	case !ok:
		refuse(at+".address", "write the address that `ip addr` shows on the node", "no interface has the node's address %s", n.Address)
	case n.Interface != "" && n.Interface != address.Interface:
		refuse(at+".interface", "write the interface that has the address, or leave it out", "interface %s does not have the node's address %s, %s has it", n.Interface, n.Address, address.Interface)
	default:
		refuseVIPs(c, n, f, at, address.Interface, refuse)
	}
}

// refuseVIPs wants the interface of the node's address to be in the subnet of
// every VIP.
func refuseVIPs(c *inventory.Cluster, n inventory.Node, f *node.Facts, at, iface string, refuse refuseFunc) {
	said := map[netip.Addr]bool{}
	for _, vip := range c.VIPs {
		own := n.AddressFor(vip)
		address, ok := f.InterfaceOf(own)
		switch {
		case said[own]:
		case !ok:
			refuse(at+".address", "write the address that `ip addr` shows on the node", "no interface has the node's address %s", own)
			said[own] = true
		case address.Interface != iface:
			refuse(at+".address", "give one interface both addresses", "%s is on %s, and %s on %s: keepalived has the VIPs on one interface", n.Address, iface, own, address.Interface)
			said[own] = true
		case !address.Prefix.Contains(vip):
			refuse("vip", "choose a free address of that subnet", "the VIP %s is outside %s, the subnet of %s", vip, address.Prefix.Masked(), address.Interface)
		}
	}
}

// spareFiles is what HAProxy needs beside two for each connection: listeners,
// checks, pipes.
const spareFiles = 100

// filesFor is how many files HAProxy opens for that many connections.
func filesFor(c *inventory.Cluster, connections uint64) uint64 {
	return 2*connections + spareFiles + serviceFiles(c)
}

func refuseSoftware(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	if len(f.Units) == 0 {
		refuse("", "kplb needs systemd on the nodes", "systemd does not answer")
	}
	if limit := f.Units["haproxy.service"].OpenFiles; c.Exposure != inventory.IPVS && limit > 0 && limit < filesFor(c, uint64(c.HAProxy.MaxConn)) { //nolint:gosec // the inventory has checked that it is positive
		refuse("haproxy.maxConn", "lower haproxy.maxConn, or raise LimitNOFILE of haproxy.service",
			"haproxy may open %d files, too few for %d connections", limit, c.HAProxy.MaxConn)
	}
	for _, d := range []struct {
		name string
		pkg  node.Package
		min  render.Version
	}{{"haproxy", f.HAProxy, render.MinHAProxy}, {"keepalived", f.Keepalived, render.MinKeepalived}} {
		switch {
		case d.name == "haproxy" && c.Exposure == inventory.IPVS:
			continue
		case !d.pkg.Installed && !f.OS.Debian():
			refuse("", "install it with the node's package manager", "%s is not installed, and packages are not installed on %s yet", d.name, f.OS)
		case d.pkg.Installed && d.pkg.Version.Before(d.min):
			refuse("", "upgrade it", "%s %s is too old, at least %s is needed", d.name, d.pkg.Version, d.min)
		}
		if f.Units[d.name+".service"].Load == "masked" {
			refuse("", "run `systemctl unmask "+d.name+"` on the node", "%s.service is masked", d.name)
		}
	}
}

// refuseConnections wants a haproxy.cfg, whichever template made it, to need no
// more files than haproxy may open.
func refuseConnections(c *inventory.Cluster, n inventory.Node, f *node.Facts, artifacts []render.Artifact) error {
	limit := f.Units["haproxy.service"].OpenFiles
	for _, a := range artifacts {
		if most := haproxy.Parse(a.Content).MaxConn(); a.Path == render.HAProxyPath && limit > 0 && limit < filesFor(c, most) {
			return &RefusedError{[]Refusal{{
				Node: n.Name, What: fmt.Sprintf("its haproxy.cfg is for %d connections, and haproxy may open %d files: too few", most, limit),
				Cure: "lower maxconn in your template, or raise LimitNOFILE of haproxy.service",
			}}}
		}
	}
	return nil
}

// refuseIPv6 wants an old keepalived to have an IPv4 VIP to announce, and a ufw
// that does not drop all IPv6.
func refuseIPv6(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	if len(c.VIPs6()) == 0 {
		return
	}
	for _, g := range c.Groups() {
		if g.Announced().Is6() && f.Keepalived.Installed && f.Keepalived.Version.Before(render.MinKeepalived6) {
			refuse("vip", "write an IPv4 VIP beside it, or upgrade keepalived", "keepalived %s announces no IPv6 VIP such as %s, at least %s is needed", f.Keepalived.Version, g.Announced(), render.MinKeepalived6)
		}
	}
	if c.Firewall == inventory.Manage && firewallOf(f).DropsIPv6() {
		refuse("vip", "write IPV6=yes into "+firewall.DefaultsPath+" on the node, and run `ufw reload`", "ufw drops all IPv6 (IPV6=no in %s), and with it what is for %s", firewall.DefaultsPath, joined(c.VIPs6(), " and "))
	}
}

// refuseRedirect wants nft where it is needed, or apt, which can install it.
func refuseRedirect(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	if (c.Exposure == inventory.Redirect || c.Exposure == inventory.IPVS) && !f.NFT && !f.OS.Debian() {
		refuse("exposure", "install nftables with the node's package manager", "nft is not installed, and packages are not installed on %s yet", f.OS)
	}
	for _, unit := range []string{render.RedirectUnit, render.IPVSUnit} {
		if f.Units[unit].Load == "masked" {
			refuse("", "run `systemctl unmask "+unit+"` on the node", "%s is masked", unit)
		}
	}
}

// refuseFiles wants every place where a file goes to hold a regular file of
// root's, or nothing.
func refuseFiles(f *node.Facts, refuse refuseFunc) {
	for _, path := range append(render.Paths(), kubeadm.ManifestPath) {
		file, ok := f.Files[path]
		if !ok {
			continue
		}
		if !file.Mode.IsRegular() {
			refuse("", "move it away, then apply again", "%s is a %s, not a regular file", path, kind(file.Mode))
		}
	}
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	default:
		return "special file"
	}
}

// refuseManifests wants one apiserver manifest in kubelet's directory.
func refuseManifests(f *node.Facts, refuse refuseFunc) {
	const name = "kube-apiserver.yaml"
	if _, ok := f.Files[kubeadm.ManifestPath]; !ok {
		refuse("", "list control-plane nodes that kubeadm made", "%s is not there: not a kubeadm control-plane node", kubeadm.ManifestPath)
		return
	}
	for _, m := range f.Manifests {
		if m != name && !strings.HasPrefix(m, ".") && strings.Contains(m, "kube-apiserver") {
			refuse("", "move it out of that directory: kubelet runs every file there, backups too",
				"/etc/kubernetes/manifests/%s is a second apiserver manifest", m)
		}
	}
}

// refuseListeners wants the ports free, or in the hands of the daemons that
// belong there.
func refuseListeners(c *inventory.Cluster, n inventory.Node, f *node.Facts, refuse refuseFunc) {
	monitor := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, l := range f.Listeners {
		addr, port := l.Address.Addr(), l.Address.Port()
		everywhere := addr.IsUnspecified()
		switch {
		case l.Process == node.HAProxyProcess:
		case port == c.Port && (everywhere || slices.Contains(c.VIPs, addr) || addr == n.Address) && l.Process != node.APIServerProcess:
			refuse("", "stop it, or give it another port", "port %d of %s is taken by %s, neither the apiserver nor haproxy", port, addr, processName(l))
		case port == c.HAProxy.Port && port != c.Port && (everywhere || slices.Contains(c.VIPs, addr)):
			refuse("haproxy.port", "set haproxy.port to a free port", "port %d of %s, for haproxy, is taken by %s", port, addr, processName(l))
		case port == c.Port && slices.Contains(c.VIPs, addr):
			refuse("", "remove its --bind-address="+addr.String(), "the apiserver listens on the VIP itself, where haproxy belongs")
		case c.Exposure != inventory.IPVS && port == c.HAProxy.MonitorPort && (everywhere || addr == monitor):
			refuse("haproxy.monitorPort", "set haproxy.monitorPort to a free port", "port %d, for haproxy's monitor page, is taken by %s", port, processName(l))
		}
	}
}

func processName(l node.Listener) string {
	if l.Process == "" {
		return "an unknown process"
	}
	return l.Process
}
