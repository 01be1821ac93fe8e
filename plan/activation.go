package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
)

// activation decides what starts, restarts, reloads or stops, from the changes and
// from the files that the running daemons have loaded.
type activation struct {
	*builder
	artifacts []render.Artifact // kplb's files on the node afterwards
	effects   map[render.Effect]bool
}

func newActivation(b *builder, artifacts []render.Artifact) activation {
	return activation{b, artifacts, effectsOf(b.Changes, b.facts, artifacts)}
}

// controlPlane decides for a control-plane node.
func (a activation) controlPlane() {
	a.readUnits()
	a.settings()
	if hasFile(a.artifacts, render.HAProxyPath) { // see handOverToIPVS
		a.haproxy()
	}
	a.keepalived()
	a.apiserver()
	a.tables()
	a.metrics()
	a.boot()
	a.Active = activeSums(a.artifacts)
	a.identity()
}

// worker decides for the haproxy of a worker's balancer.
func (a activation) worker() {
	a.readUnits()
	a.haproxy()
	a.Active = activeSums(a.artifacts)
}

func (a activation) readUnits() {
	a.ReadUnits = a.effects[render.UnitReload] || a.effects[render.HAProxyRestart]
}

// settings decides about those of the kernel.
func (a activation) settings() {
	f := a.facts
	if a.effects[render.SysctlApply] || !settingsApplied(f, a.artifacts) {
		a.Sysctl = node.SysctlOn
	}
	a.RestoreSettings = settingsToRestore(f, a.artifacts)
	a.NoBind6 = f.NonlocalBind6 && settings(a.artifacts)[nonlocalBind6] == "" && bytes.Contains(f.Files[render.SysctlPath].Content, []byte(nonlocalBind6))
}

func (a activation) haproxy() {
	switch {
	case a.facts.Units["haproxy.service"].Active != "active":
		a.HAProxy = node.Start
	case a.effects[render.HAProxyRestart]:
		a.HAProxy = node.Restart
	case a.effects[render.HAProxyReload]:
		a.HAProxy = node.Reload
	}
}

func (a activation) keepalived() {
	switch {
	case a.facts.Units["keepalived.service"].Active != "active":
		a.Keepalived = node.Start
	case a.effects[render.KeepalivedReload]:
		a.Keepalived = node.Reload
	}
}

// apiserver decides where it has to listen afterwards.
func (a activation) apiserver() {
	manifest := a.facts.Files[a.facts.Distribution.Layout().APIServerConfig].Content
	if a.Manifest != nil {
		manifest = a.Manifest.Content
	}
	if a.Leaving && !runsAPIServer(a.facts, a.cluster.Port) {
		a.APIServerAway = true
		return
	}
	if at := ListenAddress(a.facts.Distribution, manifest, a.cluster.Port); a.Manifest != nil || at != "" && !APIServerListens(a.facts, at) {
		a.Listen = at
	}
}

// boot decides which of the daemons start at boot from now on.
func (a activation) boot() {
	for _, unit := range []string{"haproxy.service", "keepalived.service"} {
		if a.facts.Units[unit].File != "enabled" && (unit != "haproxy.service" || hasFile(a.artifacts, render.HAProxyPath)) {
			a.Enable = append(a.Enable, unit)
		}
	}
}

// effectsOf are the effects of files that change, and of files that are in place but
// not loaded, because an earlier apply was interrupted.
func effectsOf(changes []Change, f *node.Facts, artifacts []render.Artifact) map[render.Effect]bool {
	effects := map[render.Effect]bool{}
	for _, change := range changes {
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
