package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// elsewise is the exposure that gives clients the same.
const elsewise = "write exposure: redirect, which gives clients the same port and leaves the apiservers alone, too; `kplb render` shows the files of ipvs, and docs/decisions/0015-ipvs.md what is known of them"

// refuseDirector refuses exposure: ipvs on a node whose kernel has no ip_vs.
func refuseDirector(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	if c.Exposure == inventory.IPVS && f.Kernel.IPVS != "there" && f.Kernel.IPVS != "module" {
		refuse("exposure", "boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or "+elsewise,
			"its kernel %s has no ip_vs, which exposure: ipvs needs: there is no /proc/net/ip_vs, and `modprobe -n ip_vs` finds no module", f.Kernel.Release)
	}
}

// refuseProof says why there is nothing to prove where no kernel can have it.
func (r *Rollout) refuseProof(facts map[string]*node.Facts) error {
	var out []Refusal
	for _, n := range r.present() {
		refuseDirector(r.Cluster, facts[n.Name], func(where, cure, what string, args ...any) {
			out = append(out, Refusal{Node: n.Name, What: fmt.Sprintf(what, args...), Cure: cure, Where: r.Cluster.Position(where).String()})
		})
	}
	if out == nil {
		return nil
	}
	return &RefusedError{out}
}

// sslOK is what a server's check says that answers /readyz.
const sslOK = "SSL_GET ok"

// directs makes servers of them, as HAProxy's statistics do: one for each
// apiserver, which is DOWN where the kernel does not have it, and those that no
// apiserver of the inventory is.
func directs(f *node.Facts, c *inventory.Cluster) []haproxy.ServerState {
	if f.Directed == nil {
		return nil
	}
	well, ill := sslOK, "SSL_GET failed"
	if c.Director.Check == inventory.CheckTCP {
		well, ill = "TCP_CHECK ok", "TCP_CHECK failed"
	}
	rest := slices.Clone(f.Directed)
	out := make([]haproxy.ServerState, 0, len(c.Nodes))
	for _, n := range c.Nodes {
		s := haproxy.ServerState{Name: n.Name, Status: "DOWN", Check: ill}
		i := slices.IndexFunc(rest, func(d node.RealServer) bool { return d.At == apiserverOf(c, n) && d.Method == "Masq" && d.Weight > 0 })
		if i >= 0 {
			s.Status, s.Check, s.Sessions = "UP", well, rest[i].Active+rest[i].Inactive
			rest = slices.Delete(rest, i, i+1)
		}
		out = append(out, s)
	}
	for _, d := range rest {
		out = append(out, haproxy.ServerState{Name: d.At.String(), Status: "UP", Check: "unknown", Sessions: d.Active + d.Inactive})
	}
	return out
}

// marks says whether the node marks what is for the VIP's port, both what comes
// in and its own, and has the answers come back through itself.
func marks(f *node.Facts, c *inventory.Cluster) bool {
	table := strings.ReplaceAll(f.Redirect, "\t", " ") + "\n"
	for _, vip := range c.VIPs4() {
		mark := fmt.Sprintf("ip daddr %s tcp dport %d meta mark set 0x%08x\n", vip, c.Port, render.IPVSMark)
		back := fmt.Sprintf(" ip daddr != %s meta l4proto tcp ct original ip daddr %[1]s ct original proto-dst %d masquerade\n", vip, c.Port)
		if strings.Count(table, mark) != 2 || !strings.Contains(table, "oif \"lo\" "+mark) || !strings.Contains(table, back) {
			return false
		}
	}
	return true
}

// checkMarks wants the table of nftables to be as it should be.
func checkMarks(c *inventory.Cluster, n inventory.Node, f *node.Facts) Check {
	check := Check{Node: n.Name, What: fmt.Sprintf("nftables marks %s for the kernel", joined(c.Entrances(), " and ")), OK: marks(f, c), Detail: fmt.Sprintf("mark %d", render.IPVSMark)}
	if !check.OK {
		check.Detail, check.Cure = "table ip kplb is not as it should be: the node's own apiserver answers, or nobody", "run `kplb apply`; look at who flushes the ruleset (`systemctl status nftables`)"
	}
	return check
}
