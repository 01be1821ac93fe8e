package refusal

import (
	"fmt"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// spareFiles are the file descriptors that HAProxy needs beside two for each
// connection: for listeners, checks and pipes.
const spareFiles = 100

// filesFor is the number of file descriptors that HAProxy needs for that many
// connections.
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

// Connections refuses a haproxy.cfg, of any template, whose maxconn needs more
// file descriptors than haproxy may open.
func Connections(c *inventory.Cluster, n inventory.Node, f *node.Facts, artifacts []render.Artifact) error {
	limit := f.Units["haproxy.service"].OpenFiles
	for _, a := range artifacts {
		if most := haproxy.Parse(a.Content).MaxConn(); a.Path == render.HAProxyPath && limit > 0 && limit < filesFor(c, most) {
			return &Error{[]Refusal{{
				Node: n.Name, What: fmt.Sprintf("haproxy may open %d files, too few for the %d connections of its haproxy.cfg", limit, most),
				Hint: "lower maxconn in your template, or raise LimitNOFILE of haproxy.service",
			}}}
		}
	}
	return nil
}

// refuseRedirect refuses a node without nft where it is needed and cannot be
// installed, and units that are masked.
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

// redirectHint names the exposure that gives clients the same port as ipvs.
const redirectHint = "write exposure: redirect, which gives clients the same port and leaves the apiservers alone, too; `kplb render` shows the files of ipvs, and docs/decisions/0015-ipvs.md what is known of them"

// refuseKernel refuses exposure: ipvs on a node whose kernel has no ip_vs.
func refuseKernel(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	if c.Exposure == inventory.IPVS && f.Kernel.IPVS != "there" && f.Kernel.IPVS != "module" {
		refuse("exposure", "boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or "+redirectHint,
			"its kernel %s has no ip_vs, which exposure: ipvs needs: there is no /proc/net/ip_vs, and `modprobe -n ip_vs` finds no module", f.Kernel.Release)
	}
}

// IPVS refuses exposure: ipvs where the kernel of one of the nodes has no
// ip_vs. Its error is a Error.
func IPVS(c *inventory.Cluster, nodes []inventory.Node, facts map[string]*node.Facts) error {
	var out []Refusal
	for _, n := range nodes {
		refuseKernel(c, facts[n.Name], refuseTo(c, n, &out))
	}
	if out == nil {
		return nil
	}
	return &Error{out}
}

// serviceFiles are the file descriptors that HAProxy needs for services beside
// their connections: for listeners, and for the check of each server.
func serviceFiles(c *inventory.Cluster) uint64 {
	n := 0
	for _, s := range c.Services {
		n += len(c.ServiceAddresses(s)) + len(c.Backends(s))
	}
	return uint64(n)
}
