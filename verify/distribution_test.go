package verify

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// spread is a fleet whose VIP is real: TLS servers take turns on one port, and
// a service that only ends connections is on another.
type spread struct {
	*fakeFleet
	certs []tls.Certificate
	turn  atomic.Int64
	web   atomic.Int64 // connections of the service
	looks int          // at the holder
	after func(f *node.Facts)
}

func newSpread(t *testing.T, host string, certs ...tls.Certificate) *spread {
	t.Helper()
	s := &spread{fakeFleet: newFleet(t, applied), certs: certs}
	s.Cluster.VIP = netip.MustParseAddr(host)
	s.Cluster.VIPs = []netip.Addr{s.Cluster.VIP}
	at := s.listen(t, host, func(c net.Conn) {
		i := int(s.turn.Add(1)-1) % len(s.certs)
		conn := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{s.certs[i]}, MinVersion: tls.VersionTLS12})
		_ = conn.HandshakeContext(t.Context())
		_ = conn.Close()
	})
	s.Cluster.Port, s.Cluster.HAProxy.Port = at.Port(), at.Port()
	web := s.listen(t, host, func(c net.Conn) { s.web.Add(1); _ = c.Close() })
	s.Cluster.Services = []inventory.Service{{Name: "web", Port: web.Port(), NodePort: 30080, SessionAffinity: inventory.NoAffinity}}
	for _, n := range s.Cluster.Nodes {
		s.Nodes[n.Name].Facts = applied(t, s.Cluster, n)
	}
	s.Nodes["node-1"].On["inspect"] = func(_ context.Context, _ remote.Script, say say) error {
		f := s.Nodes["node-1"].Facts
		if s.looks++; s.looks > 2 && s.after != nil { // Inspect, before, after
			s.after(f)
		}
		for _, r := range nodetest.Inspection(f) {
			say(r.Key, r.Fields...)
		}
		return nil
	}
	return s
}

func (s *spread) listen(t *testing.T, host string, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// got counts for HAProxy: each server so much more than before.
func got(f *node.Facts, backend string, more ...int) {
	for i := range more {
		f.Backends[backend][i].Total += more[i]
	}
}

func (s *spread) distribute(t *testing.T, n int) ([]Distribution, error) {
	t.Helper()
	if _, err := s.Inspect(t.Context(), fleet.Inspection{}); err != nil {
		t.Fatal(err)
	}
	return Distribute(t.Context(), s.Fleet, n)
}

func shares(got ...int) []Share {
	return []Share{{"node-1", got[0]}, {"node-2", got[1]}, {"node-3", got[2]}}
}

// own are certificates as kubeadm's: each for its own node.
func own(t *testing.T) []tls.Certificate {
	t.Helper()
	out := make([]tls.Certificate, 0, 3)
	for _, address := range []string{"127.9.1.1", "127.9.1.2", "127.9.1.3"} {
		out = append(out, authority.Certificate(t, farAhead, []string{"kubernetes"}, "10.96.0.1", address, "127.9.1.9"))
	}
	return out
}

func TestDistribute(t *testing.T) {
	t.Parallel()
	s := newSpread(t, "127.9.2.1", own(t)...)
	s.after = func(f *node.Facts) { got(f, "service-web", 10, 10, 11) } // one of somebody else's
	said, err := s.distribute(t, 30)
	says(t, err, "")
	if n := s.web.Load(); n != 31 { // one to find the way
		t.Errorf("%d connections to the service", n)
	}
	total := 0
	for _, share := range said[0].Backends {
		total += share.Got
		if share.Got < 9 || share.Got > 11 { // the first one, to find the way, took a turn
			t.Errorf("%s got %d", share.Node, share.Got)
		}
	}
	same(t, "of the apiservers", total, 30)
	said[0].Backends = nil
	same(t, "distribution", said, []Distribution{
		{Name: "kube-apiserver", Address: netip.AddrPortFrom(s.Cluster.VIP, s.Cluster.Port).String(), Connections: 30, CountedBy: "certificate"},
		{
			Name: "web", Address: netip.AddrPortFrom(s.Cluster.VIP, s.Cluster.Services[0].Port).String(), Affinity: "None",
			Connections: 30, CountedBy: "haproxy", Backends: shares(10, 10, 11),
		},
	})
}

// TestDistributeOneCertificate has apiservers that cannot be told apart.
func TestDistributeOneCertificate(t *testing.T) {
	t.Parallel()
	for name, cert := range map[string]tls.Certificate{
		"every node is in it": authority.Certificate(t, farAhead, []string{"kubernetes"}, "127.9.1.1", "127.9.1.2", "127.9.1.3"),
		"no node is in it":    authority.Certificate(t, farAhead, []string{"kubernetes"}, "127.9.1.9"),
	} {
		s := newSpread(t, "127.9.2.2", cert)
		s.after = func(f *node.Facts) {
			got(f, "kube-apiserver", 4, 4, 4)
			got(f, "service-web", 4, 3, 3) // two came to nobody
		}
		said, err := s.distribute(t, 12)
		says(t, err, "")
		same(t, name, said[0].CountedBy, "haproxy")
		same(t, name, said[0].Backends, shares(4, 4, 4))
		same(t, "failed", said[1].Failed, 2)
		same(t, "why", said[1].Error, "haproxy accepted them and connected them to no server")
	}
}

func TestDistributeFails(t *testing.T) {
	t.Parallel()
	s := newSpread(t, "127.9.2.3", stranger.Certificate(t, farAhead, []string{"kubernetes"}, "127.9.1.1"))
	s.Cluster.Services[0].Port = closed(t, "127.9.2.3").Port()
	said, err := s.distribute(t, 10)
	says(t, err, "")
	for i, why := range []string{"the certificate is not from the cluster's CA: something else answers on ", "connection refused"} {
		if said[i].Failed != 10 || !strings.Contains(said[i].Error, why) {
			t.Errorf("%+v, not %q", said[i], why)
		}
		same(t, "shares", said[i].Backends, shares(0, 0, 0))
	}

	for _, c := range []struct {
		after func(f *node.Facts)
		says  string
	}{
		{func(f *node.Facts) { got(f, "service-web", -1) }, "node-1: haproxy was reloaded meanwhile: count again"},
		{func(f *node.Facts) { f.Addresses = f.Addresses[:2] }, "the VIP 127.9.2.3 has left node-1 meanwhile: count again"},
	} {
		s := newSpread(t, "127.9.2.3", own(t)...)
		s.after = c.after
		got(s.Nodes["node-1"].Facts, "service-web", 5, 5, 5)
		_, err := s.distribute(t, 3)
		says(t, err, c.says)
	}
	s = newSpread(t, "127.9.2.3", own(t)...)
	s.Nodes["node-1"].Facts.Addresses = s.Nodes["node-1"].Facts.Addresses[:2]
	_, err = s.distribute(t, 3)
	says(t, err, "one node holds 127.9.2.3: no node does")
}
