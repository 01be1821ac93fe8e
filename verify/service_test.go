package verify

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// withServices is home with a worker and what services can be.
const withServices = home + `workers: [{name: node-4, address: 10.1.1.4}]
services:
  - {name: web, port: 80, nodePort: 30080}
  - {name: game, port: 7777, nodePort: 30777, sessionAffinity: ClientIP}
`

// TestCheckService judges one service.
func TestCheckService(t *testing.T) {
	t.Parallel()
	const nobody = "no node takes connections on port 30080: look for the service that has this NodePort, and for its pods"
	at := netip.MustParseAddrPort("10.1.233.1:80")
	down := func(f *node.Facts, which ...int) {
		for _, i := range which {
			f.Backends["service-web"][i].Status, f.Backends["service-web"][i].Check = "DOWN", "L4CON"
		}
	}
	for _, c := range []struct {
		name   string
		differ func(f *node.Facts)
		err    error
		want   verdict.Check
	}{
		{"as it should be", func(*node.Facts) {}, nil, verdict.Check{OK: true, Detail: "connected, 4 of 4 servers up"}},
		{
			"pods on two nodes only", func(f *node.Facts) { down(f, 0, 3) }, nil,
			verdict.Check{OK: true, Detail: "connected, 2 of 4 servers up: node-1 is DOWN (L4CON), node-4 is DOWN (L4CON)"},
		},
		{
			"no pods", func(f *node.Facts) { down(f, 0, 1, 2, 3) }, nil,
			verdict.Check{
				Detail: "connected, 0 of 4 servers up: node-1 is DOWN (L4CON), node-2 is DOWN (L4CON), node-3 is DOWN (L4CON), node-4 is DOWN (L4CON)",
				Hint:   nobody, Advisory: true,
			},
		},
		{
			"haproxy is silent", func(f *node.Facts) { f.Backends = nil }, nil,
			verdict.Check{Detail: "connected, 0 of 0 servers up", Hint: nobody, Advisory: true},
		},
		{
			"nobody listens", func(*node.Facts) {}, errors.New("connection refused"),
			verdict.Check{Detail: "connection refused", Hint: "look at `journalctl -u haproxy` on node-1"},
		},
		{
			"an older generation", func(f *node.Facts) { edit(f, render.HAProxyPath, "bind 10.1.233.1:80\n", "bind 10.1.233.1:8080\n") }, errors.New("connection refused"),
			verdict.Check{Detail: "is not in haproxy.cfg of node-1", Hint: "run `kplb apply`", Advisory: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := fleetOf(t, withServices)
			f := applied(t, r.Cluster, r.Cluster.Nodes[0])
			c.differ(f)
			c.want.What = "service web on 10.1.233.1:80"
			got := checkService(r.Cluster.Services[0], at, "node-1", f, c.err)
			same(t, "check", got, c.want)
			proof := &verdict.Proof{Checks: []verdict.Check{got}}
			same(t, "works", proof.Acceptable(), got.OK || got.Advisory)
		})
	}
	r := fleetOf(t, withServices)
	same(t, "no holder", checkService(r.Cluster.Services[0], at, "", nil, nil),
		verdict.Check{What: "service web on 10.1.233.1:80", Detail: "no single node holds the VIP", Advisory: true})
}

// TestProveServices connects: to one that waits for a word, to one that nobody
// has, and to one that only a node reaches.
func TestProveServices(t *testing.T) {
	t.Parallel()
	s := newSpread(t, "127.9.2.4", tls.Certificate{})
	silent := s.listen(t, "127.9.2.4", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	nobody, far := closed(t, "127.9.2.4"), closed(t, "127.9.2.4")
	s.Cluster.Services = nil
	for i, port := range []uint16{silent.Port(), nobody.Port(), far.Port()} {
		service := parse(t, withServices).Services[0]
		service.Name, service.Port = []string{"silent", "nobody", "far"}[i], port
		s.Cluster.Services = append(s.Cluster.Services, service)
	}
	known := fleettest.Know(t, s.Fleet, all(t, s.Cluster, applied), map[string]node.Host{"node-1": way{Routes: map[string]netip.AddrPort{far.String(): silent}}})
	control, err := s.ControlPlane()
	if err != nil {
		t.Fatal(err)
	}
	f := known["node-1"]
	same(t, "checks", proveServices(t.Context(), s.Fleet, control, map[netip.Addr]string{silent.Addr(): "node-1"}, map[string]*node.Facts{"node-1": f}), []verdict.Check{
		{What: "service silent on " + silent.String(), OK: true, Detail: "connected, 3 of 3 servers up"},
		{What: "service nobody on " + nobody.String(), Detail: "dial tcp " + nobody.String() + ": connect: connection refused", Hint: "look at `journalctl -u haproxy` on node-1"},
		{What: "service far on " + far.String(), OK: true, Detail: "connected, 3 of 3 servers up"},
	})
}
