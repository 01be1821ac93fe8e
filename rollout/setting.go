package rollout

import (
	"slices"
	"strings"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// The settings of the kernel that kplb's file has: without ipvs those that let
// HAProxy bind the VIP, and with it these.
const (
	nonlocalBind  = "net.ipv4.ip_nonlocal_bind"
	nonlocalBind6 = "net.ipv6.ip_nonlocal_bind" // that IPv6 VIPs alone need
)

var directorSettings = []string{"net.ipv4.ip_forward", "net.ipv4.vs.conntrack", "net.ipv4.vs.expire_nodest_conn"}

// settings are those of kplb's file among artifacts.
func settings(artifacts []render.Artifact) map[string]string {
	for _, a := range artifacts {
		if a.Path == render.SysctlPath {
			return sysctlsIn(a.Content)
		}
	}
	return nil
}

// direct says whether they are those of ipvs.
func direct(settings map[string]string) bool { return settings["net.ipv4.vs.conntrack"] != "" }

// settled says whether the kernel has what the artifacts say, of what kplb
// needs.
func settled(f *node.Facts, artifacts []render.Artifact) bool {
	wanted := settings(artifacts)
	if !direct(wanted) {
		return f.NonlocalBind && (wanted[nonlocalBind6] == "" || f.NonlocalBind6)
	}
	return !slices.ContainsFunc(directorSettings, func(key string) bool { return wanted[key] != "" && f.Settings[key] != wanted[key] })
}

// given are the settings that kplb's file on the node has, and the next one has
// not, for the way under /proc/sys: the kernel gets them back. Where there is no
// next one, ip_nonlocal_bind is SysctlOff's.
func given(f *node.Facts, artifacts []render.Artifact) []string {
	file := f.Files[render.SysctlPath].Content
	if render.Stamp(file) == render.Unstamped {
		return nil
	}
	was, now := sysctlsIn(file), settings(artifacts)
	var out []string
	for _, key := range append([]string{nonlocalBind}, directorSettings...) {
		if was[key] != "" && now[key] == "" && (key != nonlocalBind || now != nil) {
			out = append(out, strings.ReplaceAll(key, ".", "/"))
		}
	}
	return out
}
