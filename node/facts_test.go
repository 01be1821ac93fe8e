package node

import (
	"net/netip"
	"testing"
)

func TestBound(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("10.1.1.1:6443")
	cases := []struct {
		name      string
		listeners []Listener
		want      bool
	}{
		{"nothing listens", nil, false},
		{"its own address", []Listener{{at, APIServerProcess}}, true},
		{"beside haproxy on the VIP", []Listener{listener("10.1.233.1:6443", HAProxyProcess), {at, APIServerProcess}}, true},
		{"every address", []Listener{listener("[::]:6443", APIServerProcess)}, false},
		{"its own and every address", []Listener{{at, APIServerProcess}, listener("0.0.0.0:6443", APIServerProcess)}, false},
		{"every address, on another port", []Listener{{at, APIServerProcess}, listener("0.0.0.0:7443", APIServerProcess)}, true},
		{"another address", []Listener{listener("10.1.1.9:6443", APIServerProcess)}, false},
		{"another process", []Listener{{at, "nginx"}}, false},
	}
	for _, c := range cases {
		same(t, c.name, (&Facts{Listeners: c.listeners}).Bound(at), c.want)
	}
}
