package rollout

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kplb/kplb/firewall"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// The node-side programs. Those that change a node share state.sh.
var (
	//go:embed inspect.sh
	inspectBody string
	//go:embed lock.sh
	lockBody string
	//go:embed release.sh
	releaseBody string
	//go:embed unlock.sh
	unlockBody string
	//go:embed packages.sh
	packagesBody string
	//go:embed state.sh
	stateBody string
	//go:embed step.sh
	stepBody string
	//go:embed stage.sh
	stageBody string
	//go:embed transact.sh
	transactBody string
	//go:embed apiserver.sh
	apiserverBody string
	//go:embed manifest.sh
	manifestBody string
	//go:embed await.sh
	awaitBody string
	//go:embed daemon.sh
	daemonBody string
	//go:embed still.sh
	stillBody string
	//go:embed firewall.sh
	firewallBody string
	//go:embed activate.sh
	activateBody string
	//go:embed generation.sh
	generationBody string
	//go:embed renew.sh
	renewBody string
	//go:embed confirm.sh
	confirmBody string
	//go:embed restore.sh
	restoreBody string
	//go:embed back.sh
	backBody string
	//go:embed generations.sh
	generationsBody string
	//go:embed forget.sh
	forgetBody string
	//go:embed doctor.sh
	doctorBody string
	//go:embed drain.sh
	drainBody string
	//go:embed drill.sh
	drillBody string
	//go:embed drill_mend.sh
	mendBody string
	//go:embed drill_watch.sh
	watchBody string
	//go:embed haproxy.pl
	haproxyProgram string
	//go:embed vrrp.pl
	vrrpProgram string
)

// restoreProgram is what stays on a node while a change is not confirmed. It
// depends on nothing but the node.
func restoreProgram() []byte {
	return []byte("#!/bin/sh\n# kplb: takes an unconfirmed change back; see " + pendingPath + "\nset -u\numask 077\n" +
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C\nexport PATH LC_ALL\ntrap '' HUP PIPE\n" +
		stateBody + firewallBody + apiserverBody + restoreBody)
}

// What kplb keeps on a node.
const (
	basePath    = "/var/lib/kplb"
	pendingPath = basePath + "/pending"
	// activePath lists the checksums of the files that the daemons have
	// loaded. It is written after they have, so that an interrupted apply is
	// noticed.
	activePath = basePath + "/active"
)

// managedPaths is every path whose state belongs to a generation, on any node.
func managedPaths() []string {
	return append(render.Paths(), activePath, kubeadm.ManifestPath)
}

// managedPaths is every path whose state belongs to a generation of this node:
// of files that kplb only edits, those that are there.
func (f *Facts) managedPaths() []string {
	out := managedPaths()
	for _, path := range append([]string{adminPath, superAdminPath, kubeletPath, firewall.RulesPath, firewall.Rules6Path, certificatePath}, f.Kubeconfigs...) {
		if file, there := f.Files[path]; there && file.Mode.IsRegular() {
			out = append(out, path)
		}
	}
	if slices.Contains(out, certificatePath) { // its key is not read
		out = append(out, certificateKeyPath)
	}
	return out
}

// pathsOf is what a node's scripts take for the managed paths.
func (r *Rollout) pathsOf(n inventory.Node) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.facts[n.Name]; f != nil {
		return strings.Join(f.managedPaths(), " ")
	}
	return strings.Join(managedPaths(), " ")
}

// stateScript is a script that may change a node.
func stateScript(name, body string, limit time.Duration, vars map[string]string) remote.Script {
	return remote.Script{Name: name, Body: stateBody + body, Limit: limit, Vars: vars}
}

// refusedByNode is what a script refused to do before it changed anything.
type refusedByNode struct{ node, what string }

func (e *refusedByNode) Error() string { return e.node + ": " + e.what }

// run runs a script. What it refused is a refusedByNode, in its own words.
func run(ctx context.Context, h Host, node string, s remote.Script, each func(remote.Record)) error {
	var refused, broken string
	touched := false
	err := h.Run(ctx, s, func(r remote.Record) error {
		said := strings.TrimSpace(strings.Join(r.Fields, " "))
		switch r.Key {
		case "refused":
			refused = said
		case "broken":
			broken = said
		case "touched":
			touched = true
		}
		if each != nil {
			each(r)
		}
		return nil
	})
	switch {
	case broken != "":
		return fmt.Errorf("%s: %s", node, broken)
	case refused != "" && touched:
		return fmt.Errorf("%s: %s", node, refused)
	case refused != "":
		return &refusedByNode{node, refused}
	}
	return err
}
