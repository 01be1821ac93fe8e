package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// TestSavedState reads what generations.sh says on a node of the lab.
func TestSavedState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		number  string
		absent  int
		regular []string
		units   map[string]Unit
	}{
		{
			"0", 7, []string{render.HAProxyPath, kubeadm.ManifestPath},
			map[string]Unit{"haproxy": {Active: "inactive", File: "disabled"}, "keepalived": {Active: "inactive", File: "disabled"}},
		},
		{
			"1", 0, slices.DeleteFunc(ManagedPaths(kubeadm.Distribution{}.Layout()), func(p string) bool { // of other exposures
				return strings.Contains(p, "kplb-redirect") || strings.Contains(p, "kplb-ipvs") || p == render.ModulesPath ||
					strings.Contains(p, "kplb-metrics") || p == render.MetricsBootPath
			}),
			map[string]Unit{"haproxy": {Active: "active", File: "enabled"}, "keepalived": {Active: "active", File: "enabled"}},
		},
	} {
		s := &Snapshot{Units: map[string]Unit{}}
		for _, r := range []remote.Record{
			recordData("index", testdata(t, "node/generation-"+c.number+"-index.txt")), recordData("units", testdata(t, "node/generation-"+c.number+"-units.txt")),
			recordData("files", testdata(t, "node/generation-"+c.number+".tar")), record("nonlocal_bind", "1"), record("done"), record("step", "x"),
		} {
			if err := s.take(r); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "absent", len(s.Absent), c.absent)
		same(t, "units", s.Units, c.units)
		same(t, "nonlocal_bind", s.NonlocalBind, true)
		for _, path := range c.regular {
			if f, ok := s.Files[path]; !ok || !f.Mode.IsRegular() || len(f.Content) == 0 {
				t.Errorf("generation %s: %s is %v with %d bytes", c.number, path, f.Mode, len(f.Content))
			}
		}
	}
}
