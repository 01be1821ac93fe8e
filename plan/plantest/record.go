package plantest

import (
	"fmt"
	"strings"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/record"
)

// ID is the identity of the clusters of tests.
const ID = "0123456789abcdef0123456789abcdef"

// Record is that of a generation of the cluster.
func Record(c *inventory.Cluster, generation int) *record.Record {
	r := record.New(c, ID, generation)
	r.By, r.Version, r.Time = "ann@desk", "v1.0.0", time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC)
	return r
}

// Recorded has a node be at the generation of a record.
func Recorded(f *node.Facts, r *record.Record) {
	Put(f, "/var/lib/kplb/current", 0o600, fmt.Appendf(nil, "%d\n", r.Generation))
	Put(f, fmt.Sprintf("/var/lib/kplb/generations/%d/record", r.Generation), 0o600, r.Bytes())
	f.Recorded = node.Recorded{Record: r}
}

// Unrecorded has a node be at a generation that an older kplb has made.
func Unrecorded(f *node.Facts, generation int) {
	for path := range f.Files {
		if strings.HasPrefix(path, "/var/lib/kplb/generations/") {
			delete(f.Files, path)
		}
	}
	Put(f, "/var/lib/kplb/current", 0o600, fmt.Appendf(nil, "%d\n", generation))
	f.Recorded = node.Recorded{}
}
