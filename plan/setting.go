package plan

import (
	"slices"
	"strings"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// The kernel settings in kplb's file that let HAProxy bind a VIP which the node does
// not hold.
const (
	nonlocalBind  = "net.ipv4.ip_nonlocal_bind"
	nonlocalBind6 = "net.ipv6.ip_nonlocal_bind" // only for IPv6 VIPs
)

// ipvsSettings are those of exposure: ipvs.
var ipvsSettings = []string{"net.ipv4.ip_forward", "net.ipv4.vs.conntrack", "net.ipv4.vs.expire_nodest_conn"}

// settings are those of kplb's file in artifacts.
func settings(artifacts []render.Artifact) map[string]string {
	for _, a := range artifacts {
		if a.Path == render.SysctlPath {
			return node.ParseSysctls(a.Content)
		}
	}
	return nil
}

// isIPVS says whether settings are those of exposure: ipvs.
func isIPVS(settings map[string]string) bool { return settings["net.ipv4.vs.conntrack"] != "" }

// settingsApplied says whether the kernel has the settings of the artifacts.
func settingsApplied(f *node.Facts, artifacts []render.Artifact) bool {
	wanted := settings(artifacts)
	if !isIPVS(wanted) {
		return f.NonlocalBind && (wanted[nonlocalBind6] == "" || f.NonlocalBind6)
	}
	return !slices.ContainsFunc(ipvsSettings, func(key string) bool { return wanted[key] != "" && f.Settings[key] != wanted[key] })
}

// settingsToRestore are the settings, as paths below /proc/sys, that kplb's file on
// the node has and its next file lacks. Without a next file, ip_nonlocal_bind is not
// among them: node.SysctlOff restores it.
func settingsToRestore(f *node.Facts, artifacts []render.Artifact) []string {
	file := f.Files[render.SysctlPath].Content
	if render.Stamp(file) == render.Unstamped {
		return nil
	}
	was, now := node.ParseSysctls(file), settings(artifacts)
	var out []string
	for _, key := range append([]string{nonlocalBind}, ipvsSettings...) {
		if was[key] != "" && now[key] == "" && (key != nonlocalBind || now != nil) {
			out = append(out, strings.ReplaceAll(key, ".", "/"))
		}
	}
	return out
}
