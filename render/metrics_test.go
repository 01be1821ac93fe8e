package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/render"
)

// TestFirewallMetrics: the port for Prometheus is opened where there is one,
// and for those alone who may ask, as far as a rule can say it.
func TestFirewallMetrics(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"none", "", nil},
		{"loopback", "metrics: {listen: loopback}\n", nil},
		{"everybody", "metrics: {listen: node}\n", []string{"TCP port 8406 of 10.1.1.2"}},
		{"one", "metrics: {listen: node, port: 9101, allowFrom: 10.1.0.254/32}\n", []string{"TCP port 9101 of 10.1.1.2 from 10.1.0.254"}},
		{
			"two, one of them twice", "metrics: {listen: node, allowFrom: [10.1.0.254/32, 10.1.0.253/32, 10.1.0.254/32]}\n",
			[]string{"TCP port 8406 of 10.1.1.2 from 10.1.0.254", "TCP port 8406 of 10.1.1.2 from 10.1.0.253"},
		},
		{"a network", "metrics: {listen: node, allowFrom: [10.1.0.254/32, 10.244.0.0/16]}\n", []string{"TCP port 8406 of 10.1.1.2"}},
	} {
		cluster := parsed(t, c.text+"nodes: [{name: a, address: 10.1.1.1}, {name: b, address: 10.1.1.2}]\nssh: {user: pi}\n")
		var got []string
		for _, r := range render.Firewall(cluster, cluster.Nodes[1]) {
			if strings.HasPrefix(r.String(), "TCP port 8406") || strings.HasPrefix(r.String(), "TCP port 9101") {
				got = append(got, r.String())
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}
