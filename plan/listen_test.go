package plan

import (
	"strings"
	"testing"

	"github.com/kplb/kplb/kubeadm"
)

// TestListenAddress reads a manifest's bind-address.
func TestListenAddress(t *testing.T) {
	t.Parallel()
	n := parse(t, home).Nodes[1]
	bound := string(boundManifest(t, n))
	for _, c := range []struct{ name, manifest, want, at string }{
		{"no flag", string(manifest(t, n)), "*:6443", "[::]:6443"},
		{"its own address", bound, "10.1.1.2:6443", "10.1.1.2:6443"},
		{"every address in so many words", strings.Replace(bound, "--bind-address=10.1.1.2", "--bind-address=0.0.0.0", 1), "*:6443", "[::]:6443"},
		{"no address", strings.Replace(bound, "--bind-address=10.1.1.2", "--bind-address=vip", 1), "", "[::]:6443"},
		{"no manifest", "kind: Pod\n", "", "[::]:6443"},
	} {
		got := ListenAddress(kubeadm.Distribution{}, []byte(c.manifest), 6443)
		same(t, c.name, got, c.want)
		same(t, c.name+": as an address", ListenAddrPort(got, 6443).String(), c.at)
	}
}
