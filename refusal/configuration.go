package refusal

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/foreign"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// refuseUnread refuses a daemon that does not read the file that kplb writes.
func refuseUnread(c *inventory.Cluster, n inventory.Node, f *node.Facts, refuse refuseFunc) {
	if files := foreign.HAProxyFiles(f); usesHAProxy(c, n) && len(files) > 0 && !foreign.Reads(files, render.HAProxyPath) {
		refuse("", "have it read that file: see CONFIG and EXTRAOPTS in /etc/default/haproxy, and `systemctl cat haproxy`",
			"haproxy.service reads %s, and not %s", strings.Join(files, " and "), render.HAProxyPath)
	}
	args := f.CommandLine("keepalived.service")
	if file := keepalived.ConfigFile(args); !n.Worker && len(args) > 0 && !foreign.Reads([]string{file}, render.KeepalivedPath) {
		refuse("", "have it read that file: see DAEMON_ARGS in /etc/default/keepalived, and `systemctl cat keepalived`",
			"keepalived.service reads %s, and not %s", file, render.KeepalivedPath)
	}
}

func usesHAProxy(c *inventory.Cluster, n inventory.Node) bool {
	if n.Worker {
		return c.WorkerBalancer != nil
	}
	return c.Exposure != inventory.IPVS
}

// refuseBesides refuses other files of HAProxy's that have it listen where kplb's does.
func refuseBesides(c *inventory.Cluster, n inventory.Node, f *node.Facts, refuse refuseFunc) {
	if !usesHAProxy(c, n) {
		return
	}
	own := ownAddresses(c, n)
	for _, o := range foreign.Besides(f) {
		for _, s := range o.Serves {
			if slices.ContainsFunc(own, func(at netip.AddrPort) bool { return s.ListensAt(at) || s.ListensEverywhere(at.Port()) }) {
				refuse("", "remove it there: kplb does that, or have it listen elsewhere", "%s has haproxy %s (%s), as kplb's haproxy.cfg does", o.Path, s.Doing, s.Section)
			}
		}
	}
}

// ownAddresses are those at which kplb's HAProxy listens on the node.
func ownAddresses(c *inventory.Cluster, n inventory.Node) []netip.AddrPort {
	monitor := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), c.HAProxy.MonitorPort)
	if n.Worker {
		return []netip.AddrPort{c.WorkerBalancer.Address(), monitor}
	}
	out := append(c.Frontends(), monitor)
	for _, s := range c.Services {
		out = append(out, c.ServiceAddresses(s)...)
	}
	return out
}

// refuseOtherKeepaliveds refuses a keepalived that is not the unit's and has a VIP, or
// may have it.
func refuseOtherKeepaliveds(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	for _, p := range f.OtherKeepaliveds() {
		name := keepalived.ConfigFile(p.Args)
		file, ok := f.Configuration(p, name)
		if !ok {
			refuse("", "stop it, or have it read a file that kplb can read", "another keepalived runs (%s), and may have the VIP: its %s could not be read", p, name)
			continue
		}
		for _, vip := range c.VIPs {
			if (keepalived.Held{Address: vip}).CarriedOn(foreign.HeldBy(f, name, file.Content)) {
				refuse("", "stop it: two speakers on one node would both hold the VIP", "another keepalived (%s) has %s, by its %s", p, vip, name)
			}
		}
	}
}
