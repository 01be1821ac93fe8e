package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// planActions decides what starts, restarts, reloads or stops, from the changes and
// from the files that the running daemons have loaded.
func (n *NodePlan) planActions(c *inventory.Cluster, f *node.Facts, artifacts []render.Artifact) {
	effects := n.effects(f, artifacts)
	haproxy, keepalived := f.Units["haproxy.service"], f.Units["keepalived.service"]
	n.ReadUnits = effects[render.UnitReload] || effects[render.HAProxyRestart]
	if effects[render.SysctlApply] || !settingsApplied(f, artifacts) {
		n.Sysctl = node.SysctlOn
	}
	n.RestoreSettings = settingsToRestore(f, artifacts)
	n.NoBind6 = f.NonlocalBind6 && settings(artifacts)[nonlocalBind6] == "" && bytes.Contains(f.Files[render.SysctlPath].Content, []byte(nonlocalBind6))
	switch {
	case !hasFile(artifacts, render.HAProxyPath): // see handOverToIPVS
	case haproxy.Active != "active":
		n.HAProxy = node.Start
	case effects[render.HAProxyRestart]:
		n.HAProxy = node.Restart
	case effects[render.HAProxyReload]:
		n.HAProxy = node.Reload
	}
	switch {
	case keepalived.Active != "active":
		n.Keepalived = node.Start
	case effects[render.KeepalivedReload]:
		n.Keepalived = node.Reload
	}
	manifest := f.Files[kubeadm.ManifestPath].Content
	if n.Manifest != nil {
		manifest = n.Manifest.Content
	}
	if at := ListenAddress(manifest, c.Port); n.Manifest != nil || at != "" && !APIServerListens(f, at) {
		n.Listen = at
	}
	n.planTables(c, f, artifacts, effects)
	n.planMetrics(f, artifacts)
	for _, unit := range []string{"haproxy.service", "keepalived.service"} {
		if f.Units[unit].File != "enabled" && (unit != "haproxy.service" || hasFile(artifacts, render.HAProxyPath)) {
			n.Enable = append(n.Enable, unit)
		}
	}
	n.Active = activeSums(artifacts)
}

// effects are the effects of files that change, and of files that are in place but
// not loaded, because an earlier apply was interrupted.
func (n *NodePlan) effects(f *node.Facts, artifacts []render.Artifact) map[render.Effect]bool {
	effects := map[render.Effect]bool{}
	for _, change := range n.Changes {
		effects[change.Effect] = true
	}
	loaded := f.Files[node.ActivePath].Content
	for _, a := range artifacts {
		if !bytes.Contains(loaded, activeSum(a)) {
			effects[a.Effect] = true
		}
	}
	return effects
}

func activeSums(artifacts []render.Artifact) []byte {
	lines := make([][]byte, len(artifacts))
	for i, a := range artifacts {
		lines[i] = activeSum(a)
	}
	return bytes.Join(lines, nil)
}

// activeSum is one line of the file that says what the daemons have loaded.
func activeSum(a render.Artifact) []byte {
	h := sha256.Sum256(a.Content)
	return []byte(hex.EncodeToString(h[:]) + "  " + a.Path + "\n")
}
