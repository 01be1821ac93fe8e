package verify

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// target is one port of a VIP.
type target struct {
	Distribution
	backend string
	nodes   []inventory.Node
	connect func(context.Context) (name string, err error) // name of the node; empty if it is not known
}

// targets are the ports of a VIP, the apiservers' first.
func targets(ctx context.Context, f *fleet.Fleet, vip netip.Addr) ([]target, error) {
	control, err := f.ControlPlane()
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(vip, f.Cluster.Entrance().Port())
	dial, _ := control.Route(ctx, at) // it fails again, and is counted
	through := apiserver.Endpoint{Address: at, CA: control.CA, Dial: dial}
	out := []target{{
		Distribution: Distribution{Name: node.APIServerBackend, Address: at.String()}, backend: node.APIServerBackend, nodes: f.Cluster.Nodes,
		connect: func(ctx context.Context) (string, error) { return whoServes(ctx, through, f.Cluster.Nodes) },
	}}
	for _, s := range f.Cluster.Services {
		at := netip.AddrPortFrom(vip, s.Port)
		if !slices.Contains(f.Cluster.ServiceAddresses(s), at) {
			continue
		}
		dial, _ := control.Route(ctx, at)
		out = append(out, target{
			Distribution: Distribution{Name: s.Name, Address: at.String(), Affinity: s.SessionAffinity},
			backend:      node.ServiceBackend(s.Name), nodes: f.Cluster.Backends(s),
			connect: func(ctx context.Context) (string, error) { return "", apiserver.ProbeTCP(ctx, dial, at) },
		})
	}
	return out, nil
}

// atOnce is how many connections are open at a time: few, so that leastconn distributes
// evenly, too.
const atOnce = 8

// send makes the connections, and counts them by node as far as the node is known.
func (t *target) send(ctx context.Context, n int) map[string]int {
	got := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	for range atOnce {
		wg.Go(func() {
			for range left {
				name, err := t.connect(ctx)
				mu.Lock()
				t.note(err)
				if err == nil {
					got[name]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Connections = n
	return got
}

func (t *target) note(err error) {
	if err == nil {
		return
	}
	if t.Failed++; t.Error == "" {
		t.Error = err.Error()
	}
}

// count fills in the shares, from certificates or from HAProxy's counters.
func (t *target) count(seen map[string]int, before, after *node.Facts) error {
	if t.CountedBy = byCertificate; seen[""] > 0 || t.backend != node.APIServerBackend {
		t.CountedBy = byHAProxy
		then := totals(before.Backends[t.backend])
		seen = totals(after.Backends[t.backend])
		for name := range seen {
			if seen[name] -= then[name]; seen[name] < 0 {
				return errors.New("haproxy was reloaded meanwhile: count again")
			}
		}
	}
	t.Backends = make([]Share, 0, len(t.nodes))
	got := 0
	for _, n := range t.nodes {
		t.Backends = append(t.Backends, Share{n.Name, seen[n.Name]})
		got += seen[n.Name]
	}
	if lost := t.Connections - t.Failed - got; lost > 0 { // refused for their source address, or no server was up
		t.Failed += lost
		t.Error = cmp.Or(t.Error, "haproxy accepted them and connected them to no server")
	}
	return nil
}

func totals(servers []haproxy.ServerStats) map[string]int {
	out := map[string]int{}
	for _, s := range servers {
		out[s.Name] = s.Total
	}
	return out
}

// whoServes is the node whose address is in the certificate of the server; empty if the
// certificate has the address of no node, or of several.
func whoServes(ctx context.Context, through apiserver.Endpoint, nodes []inventory.Node) (string, error) {
	conn, certificate, err := through.Handshake(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // only its certificate is needed
	found := ""
	for _, ip := range certificate.IPAddresses {
		for _, n := range nodes {
			if n.Address.String() == ip.String() && found != n.Name {
				if found != "" {
					return "", nil
				}
				found = n.Name
			}
		}
	}
	return found, nil
}
