package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

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
	for _, path := range append([]string{adminPath, superAdminPath, kubeletPath, ufwRulesPath, ufwRules6Path, certificatePath}, f.Kubeconfigs...) {
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
