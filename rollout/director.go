package rollout

import "github.com/kplb/kplb/inventory"

// Kernel is what exposure: ipvs needs to know of it.
type Kernel struct {
	Release string
	IPVS    string // there, module (that can be loaded), or none
}

// notRolledOut is said where the kernel could, and kplb does not.
const notRolledOut = "exposure: ipvs is rendered and checked, and not rolled out by this version: the way to it and back, and what verify looks at, were never proven on machines"

// elsewise is the exposure that gives clients the same.
const elsewise = "write exposure: redirect, which gives clients the same port and leaves the apiservers alone, too; `kplb render` shows the files of ipvs, and docs/decisions/0015-ipvs.md what is known of them"

// refuseDirector refuses exposure: ipvs on every node: for its kernel where
// that has no ip_vs, and else because half a way is none.
func refuseDirector(c *inventory.Cluster, f *Facts, refuse refuseFunc) {
	switch {
	case c.Exposure != inventory.IPVS:
	case f.Kernel.IPVS == "there" || f.Kernel.IPVS == "module":
		refuse("exposure", elsewise, "%s", notRolledOut)
	default:
		refuse("exposure", "boot a kernel that has it (CONFIG_IP_VS, with IP_VS_NFCT and IP_VS_RR), or "+elsewise,
			"its kernel %s has no ip_vs, which exposure: ipvs needs: there is no /proc/net/ip_vs, and `modprobe -n ip_vs` finds no module", f.Kernel.Release)
	}
}

// refuseProof refuses to call an exposure proven that nothing looks at yet.
func refuseProof(c *inventory.Cluster) error {
	if c.Exposure != inventory.IPVS {
		return nil
	}
	return &RefusedError{[]Refusal{{Node: "cluster", What: notRolledOut, Cure: elsewise, Where: c.Position("exposure").String()}}}
}
