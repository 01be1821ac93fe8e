package fleettest

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"

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
