package node

import (
	"testing"

	"github.com/kplb/kplb/haproxy"
)

// TestBackends: what the built-in templates call their backends is what statistics
// are read by, and what drain.sh is given.
func TestBackends(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file     string
		services []string
	}{
		{"render/services/golden/kubernetes-node-1/etc/haproxy/haproxy.cfg", []string{"web", "ingress", "game"}},
		{"render/worker-balancer/golden/kubernetes-node-4/etc/haproxy/haproxy.cfg", nil},
	} {
		want := []string{"backend " + APIServerBackend}
		for _, name := range c.services {
			want = append(want, "backend "+ServiceBackend(name))
		}
		var got []string
		for _, s := range haproxy.Parse(testdata(t, c.file)) {
			if len(s.Words) == 2 && s.Words[0] == "backend" {
				got = append(got, s.ID())
			}
		}
		same(t, c.file, got, want)
	}
}
