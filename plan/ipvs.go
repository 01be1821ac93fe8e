package plan

import (
	"fmt"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// redirectHint is the exposure that gives clients the same.
const redirectHint = "write exposure: redirect, which gives clients the same port and leaves the apiservers alone, too; `kplb render` shows the files of ipvs, and docs/decisions/0015-ipvs.md what is known of them"

// refuseKernel refuses exposure: ipvs on a node whose kernel has no ip_vs.
func refuseKernel(c *inventory.Cluster, f *node.Facts, refuse refuseFunc) {
	if c.Exposure == inventory.IPVS && f.Kernel.IPVS != "there" && f.Kernel.IPVS != "module" {
		refuse("exposure", "boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or "+redirectHint,
			"its kernel %s has no ip_vs, which exposure: ipvs needs: there is no /proc/net/ip_vs, and `modprobe -n ip_vs` finds no module", f.Kernel.Release)
	}
}

// RefuseIPVS refuses exposure: ipvs where the kernel of one of the nodes has no
// ip_vs. Its error is a RefusedError.
func RefuseIPVS(c *inventory.Cluster, nodes []inventory.Node, facts map[string]*node.Facts) error {
	var out []Refusal
	for _, n := range nodes {
		refuseKernel(c, facts[n.Name], refuseTo(c, n, &out))
	}
	if out == nil {
		return nil
	}
	return &RefusedError{out}
}

// MarksVIP says whether the node marks what is for the VIP's port, both what comes
// in and its own, and has the answers come back through itself.
func MarksVIP(f *node.Facts, c *inventory.Cluster) bool {
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
