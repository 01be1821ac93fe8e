package plan

import (
	"fmt"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// tables decides what happens to kplb's table of nftables, which has the same
// name for redirect and for ipvs.
func (a activation) tables() {
	f := a.facts
	marked := strings.Contains(f.Redirect, "mark set")
	for _, t := range []struct {
		path, unit  string
		there, well bool
		action      *node.Action
	}{
		{render.RedirectPath, render.RedirectUnit, f.Redirect != "" && !marked, RedirectsVIP(f, a.cluster), &a.Redirect},
		{render.IPVSPath, render.IPVSUnit, marked, MarksVIP(f, a.cluster), &a.IPVS},
	} {
		wanted, unit := hasFile(a.artifacts, t.path), f.Units[t.unit]
		switch {
		case wanted && (unit.Active != "active" || !t.well || a.effects[render.RedirectReload]):
			*t.action = node.Start
		case !wanted && (unit.Active == "active" || t.there):
			*t.action = node.Stop
		}
		switch {
		case wanted && unit.File != "enabled":
			a.Enable = append(a.Enable, t.unit)
		case !wanted && unit.File == "enabled":
			a.Disable = append(a.Disable, t.unit)
		}
		if wanted && !f.NFT {
			a.Packages = append(a.Packages, "nftables")
		}
	}
}

// RedirectsVIP says whether nftables redirects connections to the VIPs' port to
// HAProxy, those that come in and the node's own.
func RedirectsVIP(f *node.Facts, c *inventory.Cluster) bool {
	for i, vip := range c.VIPs {
		family := "ip"
		if vip.Is6() {
			family = "ip6"
		}
		rule := fmt.Sprintf("%s daddr %s tcp dport %d fib daddr type local dnat to %s\n", family, vip, c.Port, c.Frontends()[i])
		if strings.Count(f.Redirect+"\n", rule) != 2 {
			return false
		}
	}
	return true
}

// MarksVIP says whether nftables marks packets to the VIPs' port for ipvs, those
// that come in and the node's own, and masquerades them, so that answers come back
// through the node.
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
