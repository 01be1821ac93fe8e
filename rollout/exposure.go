package rollout

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// exposureOn is the exposure that kplb's own files on the node are of; empty
// where there are none.
func exposureOn(c *inventory.Cluster, f *node.Facts) inventory.Exposure {
	ours := func(path string) bool {
		file, there := f.Files[path]
		return there && render.Stamp(file.Content) != render.Unstamped
	}
	switch {
	case ours(render.PatchPath):
		return inventory.BindAddress
	case ours(render.RedirectPath):
		return inventory.Redirect
	case ours(render.IPVSPath):
		return inventory.IPVS
	case !ours(render.HAProxyPath):
		return ""
	case haproxy.Parse(f.Files[render.HAProxyPath].Content).BindOf(c.VIP) == netip.AddrPortFrom(c.VIP, c.Port):
		return inventory.SharedPort
	default:
		return inventory.OtherPort
	}
}

// frontendsIn is where a haproxy.cfg has HAProxy listen on those of the VIPs that
// it has.
func frontendsIn(config []byte, vips []netip.Addr) []netip.AddrPort {
	var out []netip.AddrPort
	for _, vip := range vips {
		if at := haproxy.Parse(config).BindOf(vip); at.IsValid() {
			out = append(out, at)
		}
	}
	return out
}

// joined lists addresses for people, and for ss.
func joined[T fmt.Stringer](all []T, separator string) string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return strings.Join(out, separator)
}

// expose edits the apiserver's manifest for the exposure of the inventory. Of
// the flags that another one has, only those are taken away that kplb has set.
func expose(c *inventory.Cluster, n inventory.Node, was inventory.Exposure) func([]byte) ([]byte, error) {
	return func(source []byte) ([]byte, error) {
		edited, err := source, error(nil)
		if was == inventory.SharedPort && c.Exposure != inventory.SharedPort {
			edited, err = kubeadm.Unshare(edited)
		}
		if was == inventory.BindAddress && c.Exposure != inventory.BindAddress {
			edited, err = kubeadm.Unbind(edited, n.Address)
		}
		switch {
		case err != nil:
			return nil, err
		case c.Exposure == inventory.BindAddress:
			return kubeadm.BindTo(edited, n.Address)
		case c.Exposure == inventory.SharedPort:
			return kubeadm.Share(edited)
		}
		return edited, nil
	}
}

// listens is where the apiserver of a manifest listens: ADDRESS:PORT, or
// *:PORT for every address.
func listens(manifest []byte, port uint16) string {
	m, err := kubeadm.ParseManifest(manifest)
	if err != nil {
		return ""
	}
	value, bound := m.Flag("bind-address")
	address, err := netip.ParseAddr(value)
	if !bound || err == nil && address.IsUnspecified() {
		return everywhere(port)
	}
	if err != nil {
		return ""
	}
	return netip.AddrPortFrom(address, port).String()
}

// listenAddress is what listens returns as an address: an unspecified one for
// every address.
func listenAddress(listen string, port uint16) netip.AddrPort {
	if at, err := netip.ParseAddrPort(listen); err == nil {
		return at
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), port)
}

func everywhere(port uint16) string { return fmt.Sprintf("*:%d", port) }

// apiserverListens says whether the apiserver listens there, and nowhere else.
func apiserverListens(f *node.Facts, where string) bool {
	if at, err := netip.ParseAddrPort(where); err == nil {
		return f.Bound(at)
	}
	return slices.ContainsFunc(f.Listeners, func(l node.Listener) bool {
		return l.Process == node.APIServerProcess && l.Address.Addr().IsUnspecified() && everywhere(l.Address.Port()) == where
	})
}

// planTables decides what happens to the table of nftables: there is one of the
// same name for redirect, and for ipvs.
func (n *NodePlan) planTables(c *inventory.Cluster, f *node.Facts, artifacts []render.Artifact, effects map[render.Effect]bool) {
	marked := strings.Contains(f.Redirect, "mark set")
	for _, t := range []struct {
		path, unit  string
		there, well bool
		action      *node.Action
	}{
		{render.RedirectPath, render.RedirectUnit, f.Redirect != "" && !marked, redirects(f, c), &n.Redirect},
		{render.IPVSPath, render.IPVSUnit, marked, marks(f, c), &n.Director},
	} {
		wanted, unit := has(artifacts, t.path), f.Units[t.unit]
		switch {
		case wanted && (unit.Active != "active" || !t.well || effects[render.RedirectReload]):
			*t.action = node.Start
		case !wanted && (unit.Active == "active" || t.there):
			*t.action = node.Stop
		}
		switch {
		case wanted && unit.File != "enabled":
			n.Enable = append(n.Enable, t.unit)
		case !wanted && unit.File == "enabled":
			n.Disable = append(n.Disable, t.unit)
		}
		if wanted && !f.NFT {
			n.Packages = append(n.Packages, "nftables")
		}
	}
}

// has says whether a file is among them.
func has(artifacts []render.Artifact, path string) bool {
	return slices.ContainsFunc(artifacts, func(a render.Artifact) bool { return a.Path == path })
}

// redirects says whether the node sends what is for the VIP's port to HAProxy,
// both what comes in and its own.
func redirects(f *node.Facts, c *inventory.Cluster) bool {
	for i, vip := range c.VIPs {
		family := map[bool]string{true: "ip", false: "ip6"}[vip.Is4()]
		rule := fmt.Sprintf("%s daddr %s tcp dport %d fib daddr type local dnat to %s\n", family, vip, c.Port, c.Frontends()[i])
		if strings.Count(f.Redirect+"\n", rule) != 2 {
			return false
		}
	}
	return true
}

// planStale takes away files of kplb's that another exposure has needed.
func (n *NodePlan) planStale(f *node.Facts, artifacts []render.Artifact) {
	for _, path := range render.Paths() {
		file, there := f.Files[path]
		if there && !has(artifacts, path) && render.Stamp(file.Content) != render.Unstamped {
			n.planRemoval(f, path)
		}
	}
}

// checkExposure judges how the node's own apiserver can be reached, and its HAProxy.
func checkExposure(c *inventory.Cluster, n inventory.Node, f *node.Facts) []Check {
	at := apiserverOf(c, n)
	check := Check{Node: n.Name, What: "apiserver has its own address only", OK: f.Bound(at), Detail: at.String()}
	if c.Exposure != inventory.BindAddress {
		check.What = map[bool]string{true: "apiserver listens", false: "apiserver listens beside haproxy"}[c.Exposure == inventory.IPVS]
		check.OK = f.Bound(at) || apiserverListens(f, everywhere(c.Port))
		check.Detail = listening(f, c.Port)
	}
	if c.Exposure == inventory.SharedPort {
		check.OK = apiserverListens(f, everywhere(c.Port))
	}
	if !check.OK {
		check.Detail, check.Cure = "listens on "+listening(f, c.Port), "run `kplb apply`"
	}
	switch c.Exposure {
	case inventory.Redirect:
	case inventory.IPVS:
		return []Check{check, checkMarks(c, n, f)}
	default:
		return []Check{check}
	}
	sent := Check{Node: n.Name, What: fmt.Sprintf("nftables sends %s to haproxy", joined(c.Entrances(), " and ")), OK: redirects(f, c), Detail: joined(c.Frontends(), " and ")}
	if !sent.OK {
		sent.Detail, sent.Cure = "table ip kplb is not as it should be: the node's own apiserver answers", "run `kplb apply`; look at who flushes the ruleset (`systemctl status nftables`)"
	}
	return []Check{check, sent}
}
