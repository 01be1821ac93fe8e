package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
)

// TestDistributionOf: an inventory that names no distribution means kubeadm, and
// so does one that names it.
func TestDistributionOf(t *testing.T) {
	t.Parallel()
	for _, text := range []string{home, home + "distribution: kubeadm\n"} {
		c, err := inventory.Parse("cluster.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(distribution.Distribution(kubeadm.Distribution{}), DistributionOf(c)); diff != "" {
			t.Error(diff)
		}
	}
}
