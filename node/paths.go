package node

import (
	"path"
	"slices"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/render"
)

// What kplb keeps on a node.
const (
	basePath    = "/var/lib/kplb"
	pendingPath = basePath + "/pending" // the change that is not confirmed
	// ActivePath lists the checksums of the files that the daemons have
	// loaded. It is written after they have, so that an interrupted apply is
	// noticed.
	ActivePath = basePath + "/active"
	// restartedPath holds how the node's apiserver has restarted last, and the
	// seconds that it took: "quick 7.9".
	restartedPath = basePath + "/restarted"
	currentPath   = basePath + "/current"  // the number of the confirmed generation
	restoredPath  = basePath + "/restored" // what the node has reverted by itself
	// pendingRecordPath is the record that the change makes the current one.
	pendingRecordPath = pendingPath + "/record"
)

// statePaths are the files of kplb's own that are read with every inspection.
var statePaths = []string{pendingPath + "/txn", pendingPath + "/about", pendingRecordPath, restoredPath, currentPath, restartedPath}

// ufw's rules of IPv4 and of IPv6.
const (
	ufwRulesPath  = "/etc/ufw/user.rules"
	ufwRules6Path = "/etc/ufw/user6.rules"
)

// madeDirs are directories of files that kplb writes, which may be there for no one
// else.
func madeDirs() []string {
	return []string{path.Dir(render.HAProxyUnitPath), path.Dir(render.KeepalivedUnitPath), path.Dir(render.MetricsBootPath), path.Dir(render.PatchPath)}
}

// ManagedPaths is every path whose state belongs to a generation, on any node.
func ManagedPaths(l distribution.Layout) []string {
	return append(render.Paths(), ActivePath, l.APIServerConfig)
}

// ManagedPaths is every path whose state belongs to a generation of this node:
// of files that kplb only edits, those that are there.
func (f *Facts) ManagedPaths() []string {
	l := f.Distribution.Layout()
	out := ManagedPaths(l)
	edited := append(l.Kubeconfigs(), ufwRulesPath, ufwRules6Path, l.Certificate)
	for _, path := range append(edited, f.Kubeconfigs...) {
		if file, there := f.Files[path]; there && file.Mode.IsRegular() {
			out = append(out, path)
		}
	}
	if slices.Contains(out, l.Certificate) { // its key is not read
		out = append(out, l.CertificateKey)
	}
	return out
}
