package fleettest

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
)

// Live is a cluster on loopback addresses whose apiservers, and VIP, are real
// TLS servers; by default they say ok.
type Live struct {
	*fleet.Fleet
	Answers map[string]http.HandlerFunc // by node; "" is the VIP
	Facts   map[string]*node.Facts      // that the fleet has
}

// GoLive finds a port that is free on all addresses, and listens there.
func GoLive(t testing.TB, subnet string) *Live {
	t.Helper()
	r := &fleet.Fleet{Cluster: plantest.Parse(t, plantest.Home)}
	addresses := []string{"", subnet + ".1", subnet + ".2", subnet + ".3"}
	l := &Live{r, map[string]http.HandlerFunc{}, nil}
	vip := subnet + ".9"
	cert := Authority.Certificate(t, apiservertest.FarAhead, []string{"kubernetes"}, append(addresses[1:], vip)...)
	serve := func(name, host string, port uint16) uint16 {
		l.Answers[name] = apiservertest.OK
		return apiservertest.Serve(t, fmt.Sprintf("%s:%d", host, port), cert, func(w http.ResponseWriter, r *http.Request) { l.Answers[name](w, r) }).Port()
	}
	port := serve("", vip, 0)
	r.Cluster.VIP, r.Cluster.Port = netip.MustParseAddr(vip), port
	r.Cluster.VIPs = []netip.Addr{r.Cluster.VIP}
	for i := range r.Cluster.Nodes {
		n := &r.Cluster.Nodes[i]
		n.Address = netip.MustParseAddr(addresses[i+1])
		serve(n.Name, addresses[i+1], port)
	}
	l.Facts = Know(t, r, All(t, r.Cluster, Applied), nil)
	return l
}

// Etcds answers /health for the nodes' own etcds.
func Etcds(t testing.TB, health map[string]string) map[string]node.Host {
	t.Helper()
	out := map[string]node.Host{}
	for name, says := range health {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" || r.Host != "127.0.0.1:2381" {
				t.Errorf("asked for %s of %s", r.URL, r.Host)
			}
			_, _ = w.Write([]byte(says))
		}), ReadHeaderTimeout: time.Minute, ErrorLog: apiservertest.Quiet}
		go s.Serve(l) //nolint:errcheck // it is closed
		t.Cleanup(func() { _ = s.Close() })
		out[name] = Way{Routes: map[string]netip.AddrPort{"127.0.0.1:2381": netip.MustParseAddrPort(l.Addr().String())}}
	}
	return out
}
