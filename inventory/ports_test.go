package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPorts: every port that HAProxy has on a control-plane node, with the key that
// sets it.
func TestPorts(t *testing.T) {
	t.Parallel()
	c := &Cluster{
		Port: 6443, HAProxy: HAProxy{Port: 8443, MonitorPort: 8404, PeersPort: 8405},
		Services: []Service{{Port: 80}, {Port: 7777, SessionAffinity: ClientIP}},
	}
	want := []KeyedPort{
		{"port", 6443}, {"haproxy.port", 8443}, {"haproxy.monitorPort", 8404},
		{"services[0].port", 80}, {"services[1].port", 7777}, {"haproxy.peersPort", 8405},
	}
	if d := cmp.Diff(want, c.Ports()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
