// Package render turns a checked cluster into the files of each node.
//
// It is pure: no clock, no environment, no network, and the same bytes every
// time. What it cannot know (the interface of a node, the versions installed
// there) comes in as Facts. ReadBack compares rendered files with the inventory,
// whichever template made them; who would hold a VIP with them is what package
// vrrp says. Only Tree.Write and Tree.Check touch files.
package render

import (
	"io/fs"
	"slices"

	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
)

// Effect says what has to happen on a node for a changed artifact to count.
type Effect string

// The effects, from the least to the most.
const (
	NoEffect          Effect = "none"               // read when it is needed
	SysctlApply       Effect = "sysctl applied"     // sysctl -p
	UnitReload        Effect = "unit reloaded"      // systemctl daemon-reload
	RedirectReload    Effect = "redirect reload"    // in one step
	KeepalivedReload  Effect = "keepalived reload"  // the VIP stays where it is
	HAProxyReload     Effect = "haproxy reload"     // sockets are handed over, no connection is refused
	HAProxyRestart    Effect = "haproxy restart"    // connections through this node's HAProxy end
	KubeletRestart    Effect = "kubelet restart"    // pods go on
	APIServerRestarts Effect = "apiserver restarts" // by kubelet, about 45 s
)

// Artifact is one file to be on a node, owned by root.
type Artifact struct {
	Path    string // absolute, on the node
	Mode    fs.FileMode
	Content []byte // secrets are placeholders, see Secrets
	Effect  Effect // when it changes
}

// RedirectUnit loads RedirectPath at boot.
const RedirectUnit = "kplb-redirect.service"

// IPVSUnit loads IPVSPath at boot.
const IPVSUnit = "kplb-ipvs.service"

// The paths on a node.
const (
	HAProxyPath        = haproxy.ConfigPath
	KeepalivedPath     = keepalived.ConfigPath
	CheckPath          = keepalived.CheckPath
	SysctlPath         = "/etc/sysctl.d/90-kplb.conf"
	HAProxyUnitPath    = "/etc/systemd/system/haproxy.service.d/50-kplb.conf"
	KeepalivedUnitPath = "/etc/systemd/system/keepalived.service.d/50-kplb.conf"
	RedirectPath       = "/etc/haproxy/kplb-redirect.nft"
	RedirectUnitPath   = "/etc/systemd/system/" + RedirectUnit
	IPVSPath           = "/etc/keepalived/kplb-ipvs.nft"
	IPVSUnitPath       = "/etc/systemd/system/" + IPVSUnit
	ModulesPath        = "/etc/modules-load.d/kplb.conf"
	PatchPath          = "/etc/kubernetes/patches/kube-apiserver8kplb+json.yaml"
)

// file ties a template to the artifact that it makes.
type file struct {
	template string
	path     string
	mode     fs.FileMode
	effect   Effect
	only     inventory.Exposure // that needs it; empty: every one does
	haproxy  bool               // those with HAProxy alone
}

// files lists what every control-plane node gets, in the order in which it is installed: a
// file comes after the files that it refers to.
var files = []file{
	{"kplb-modules.conf.tmpl", ModulesPath, 0o644, SysctlApply, inventory.IPVS, false},
	{"sysctl.conf.tmpl", SysctlPath, 0o644, SysctlApply, "", false},
	{"kube-apiserver-patch.yaml.tmpl", PatchPath, 0o600, NoEffect, inventory.BindAddress, false},
	{"haproxy.cfg.tmpl", HAProxyPath, 0o644, HAProxyReload, "", true},
	{"haproxy.service.conf.tmpl", HAProxyUnitPath, 0o644, HAProxyRestart, "", true},
	{"kplb-redirect.nft.tmpl", RedirectPath, 0o644, RedirectReload, inventory.Redirect, false},
	{"kplb-redirect.service.tmpl", RedirectUnitPath, 0o644, UnitReload, inventory.Redirect, false},
	{"kplb-ipvs.nft.tmpl", IPVSPath, 0o644, RedirectReload, inventory.IPVS, false},
	{"kplb-ipvs.service.tmpl", IPVSUnitPath, 0o644, UnitReload, inventory.IPVS, false},
	{"kplb-check.tmpl", CheckPath, 0o755, NoEffect, "", false},
	{"keepalived.conf.tmpl", KeepalivedPath, 0o600, KeepalivedReload, "", false},
	{"keepalived.service.conf.tmpl", KeepalivedUnitPath, 0o644, UnitReload, "", false},
}

// filesOf lists those that the nodes of a cluster have.
func filesOf(c *inventory.Cluster) []file {
	out := slices.DeleteFunc(slices.Clone(files), func(f file) bool {
		return f.only != "" && f.only != c.Exposure || f.haproxy && c.Exposure == inventory.IPVS
	})
	if c.Metrics != nil {
		out = append(slices.Clone(metricsFiles), out...)
	}
	return out
}

// allFiles lists those that any node may have.
func allFiles() []file { return slices.Concat(metricsFiles, files) }

// Paths lists the paths of all artifacts that any node may have, in the order
// of installation.
func Paths() []string {
	all := allFiles()
	paths := make([]string, len(all))
	for i, f := range all {
		paths[i] = f.path
	}
	return paths
}

// EffectOf is what has to happen when the file at path changes.
func EffectOf(path string) Effect {
	for _, f := range allFiles() {
		if f.path == path {
			return f.effect
		}
	}
	return NoEffect
}
