package fleet_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan/plantest"
)

// TestIPVSServers: every apiserver has its line, and strangers have theirs.
func TestIPVSServers(t *testing.T) {
	t.Parallel()
	server := func(at, method string, weight, active, inactive int) node.RealServer {
		return node.RealServer{At: netip.MustParseAddrPort(at), Method: method, Weight: weight, Active: active, Inactive: inactive}
	}
	up := func(name string, sessions int) haproxy.ServerState {
		return haproxy.ServerState{Name: name, Status: "UP", Check: "SSL_GET ok", Sessions: sessions}
	}
	down := func(name string) haproxy.ServerState {
		return haproxy.ServerState{Name: name, Status: "DOWN", Check: "SSL_GET failed"}
	}
	stranger := func(at string, sessions int) haproxy.ServerState {
		return haproxy.ServerState{Name: at, Status: "UP", Check: "unknown", Sessions: sessions}
	}
	for _, c := range []struct {
		name     string
		check    inventory.ServerCheck
		directed []node.RealServer
		want     []haproxy.ServerState
	}{
		{"no virtual server", "", nil, nil},
		{"no real server", "", []node.RealServer{}, []haproxy.ServerState{down("node-1"), down("node-2"), down("node-3")}},
		{
			"all, in another order", "",
			[]node.RealServer{server("10.1.1.3:6443", "Masq", 1, 0, 7), server("10.1.1.1:6443", "Masq", 1, 2, 3), server("10.1.1.2:6443", "Masq", 1, 0, 0)},
			[]haproxy.ServerState{up("node-1", 5), up("node-2", 0), up("node-3", 7)},
		},
		{
			"one is drained, one is not NATed, one listens elsewhere", "",
			[]node.RealServer{server("10.1.1.1:6443", "Masq", 0, 1, 0), server("10.1.1.2:6443", "Route", 1, 0, 2), server("10.1.1.3:7443", "Masq", 1, 0, 0)},
			[]haproxy.ServerState{down("node-1"), down("node-2"), down("node-3"), stranger("10.1.1.1:6443", 1), stranger("10.1.1.2:6443", 2), stranger("10.1.1.3:7443", 0)},
		},
		{
			"by TCP alone", inventory.CheckTCP, []node.RealServer{server("10.1.1.1:6443", "Masq", 1, 0, 0)},
			[]haproxy.ServerState{
				{Name: "node-1", Status: "UP", Check: "TCP_CHECK ok"}, {Name: "node-2", Status: "DOWN", Check: "TCP_CHECK failed"},
				{Name: "node-3", Status: "DOWN", Check: "TCP_CHECK failed"},
			},
		},
	} {
		cluster := plantest.Parse(t, plantest.Home)
		cluster.IPVS.Check = c.check
		facts := &node.Facts{RealServers: c.directed}
		fleettest.Same(t, c.name, fleet.IPVSServers(facts, cluster), c.want)
		fleettest.Same(t, c.name+": what was found", facts.RealServers, c.directed)
	}
}

// TestInspectIPVS: what the kernel balances to takes the place of HAProxy's
// servers.
func TestInspectIPVS(t *testing.T) {
	t.Parallel()
	f := &fleet.Fleet{Cluster: plantest.Parse(t, strings.Replace(plantest.Home, "haproxy:\n  monitorPort: 8404\n", "exposure: ipvs\n", 1))}
	facts := fleettest.Know(t, f, fleettest.All(t, f.Cluster, fleettest.Applied), nil)
	for name, found := range facts {
		if found.Backends != nil || len(found.Servers) != 3 || found.Servers[0].Check != fleet.SSLCheckOK {
			t.Errorf("%s: %v, %v", name, found.Servers, found.Backends)
		}
	}
}
