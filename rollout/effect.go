package rollout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// consequences decides what has to be reloaded, from the changes and from
// what the running daemons have loaded.
func (n *NodePlan) consequences(c *inventory.Cluster, f *node.Facts, artifacts []render.Artifact) {
	effects := n.effects(f, artifacts)
	haproxy, keepalived := f.Units["haproxy.service"], f.Units["keepalived.service"]
	n.units = effects[render.UnitReload] || effects[render.HAProxyRestart]
	if effects[render.SysctlApply] || !settled(f, artifacts) {
		n.Sysctl = node.SysctlOn
	}
	n.gives = given(f, artifacts)
	n.noBind6 = f.NonlocalBind6 && settings(artifacts)[nonlocalBind6] == "" && bytes.Contains(f.Files[render.SysctlPath].Content, []byte(nonlocalBind6))
	switch {
	case !has(artifacts, render.HAProxyPath): // see planAlone
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
	if at := listens(manifest, c.Port); n.Manifest != nil || at != "" && !apiserverListens(f, at) {
		n.Listen = at
	}
	n.planTables(c, f, artifacts, effects)
	n.planMetrics(f, artifacts)
	for _, unit := range []string{"haproxy.service", "keepalived.service"} {
		if f.Units[unit].File != "enabled" && (unit != "haproxy.service" || has(artifacts, render.HAProxyPath)) {
			n.Enable = append(n.Enable, unit)
		}
	}
	n.active = activeSums(artifacts)
}

// effects collects those of files that change, and of files that are in place
// but were never seen to be loaded: an apply before this one was cut short.
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
