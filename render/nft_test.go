package render

import (
	"os"
	"strings"
	"testing"

	"github.com/kplb/kplb/inventory"
)

// nftTest has nft take a file, in a network namespace of its own: -c asks the
// kernel, too.
func nftTest(t *testing.T, nft string, content []byte) (string, error) {
	t.Helper()
	return run(t, "unshare", "--net", nft, "-c", "-f", writeTemp(t, "kplb.nft", content))
}

// needNFT skips where no table can be made.
func needNFT(t *testing.T) string {
	t.Helper()
	nft := daemon(t, "nft")
	if os.Geteuid() != 0 {
		skip(t, "nft needs root, for a network namespace of its own")
	}
	return nft
}

func TestNFTAccepts(t *testing.T) {
	t.Parallel()
	nft := needNFT(t)
	forCases(t, func(t *testing.T, _ string, c *inventory.Cluster) {
		for path, a := range renderTree(t, c) {
			if !strings.HasSuffix(path, ".nft") {
				continue
			}
			if out, err := nftTest(t, nft, a.Content); err != nil || out != "" {
				t.Errorf("nft -c on %s: %v\n%s", path, err, out)
			}
		}
	})
}

// TestNFTRefuses: the check is one that can fail.
func TestNFTRefuses(t *testing.T) {
	t.Parallel()
	nft := needNFT(t)
	c := loadCluster(t, "../examples/ipvs.yaml")
	content := renderTree(t, c)["kubernetes-node-1"+IPVSPath].Content
	for _, change := range [][2]string{{"meta mark set 107", "meta mark set"}, {"hook input", "hook imput"}, {"masquerade", "masquerad"}} {
		if out, err := nftTest(t, nft, replaceAll(t, content, change[0], change[1])); err == nil {
			t.Errorf("nft -c takes the file with %q for %q:\n%s", change[1], change[0], out)
		}
	}
}
