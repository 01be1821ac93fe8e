package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// Distribution is who got how many of the connections that were made through
// the VIP. HAProxy balances connections, whatever requests are sent over them.
type Distribution struct {
	Name        string             `json:"name"` // kube-apiserver, or the service
	Address     string             `json:"address"`
	Affinity    inventory.Affinity `json:"sessionAffinity,omitempty"`
	Connections int                `json:"connections"` // that were tried
	Failed      int                `json:"failed"`
	Error       string             `json:"error,omitempty"` // of the first that failed
	CountedBy   string             `json:"countedBy"`
	Backends    []Share            `json:"backends"`
}

// Share is what one node got. ServerStats by HAProxy, the connections of others
// are among them.
type Share struct {
	Node string `json:"node"`
	Got  int    `json:"got"`
}

// How connections are counted: by the certificate that each apiserver has of
// its own, or by the statistics of the holder's HAProxy.
const (
	byCertificate = "certificate"
	byHAProxy     = "haproxy"
)

// target is one port of a VIP.
type target struct {
	Distribution
	backend string
	nodes   []inventory.Node
	connect func(context.Context) (name string, err error) // of a node; empty if it cannot be told
}

// Distribute makes n connections to every port of every VIP, one after the
// other, and counts where they went. It follows an Installed.
func Distribute(ctx context.Context, f *fleet.Fleet, n int) ([]Distribution, error) {
	var out []Distribution
	for _, vip := range f.Cluster.VIPs {
		ports, err := distribute(ctx, f, vip, n)
		if err != nil {
			return nil, err
		}
		out = append(out, ports...)
	}
	return out, nil
}

// distribute counts by what the HAProxy of the VIP's holder says before and
// after.
func distribute(ctx context.Context, f *fleet.Fleet, vip netip.Addr, n int) ([]Distribution, error) {
	name, check := checkHolder(vip, f.Everyone(), f.Facts())
	if name == "" {
		return nil, fmt.Errorf("%s: %s", check.What, check.Detail)
	}
	holder := member(f, name)
	targets, err := targets(ctx, f, vip)
	if err != nil {
		return nil, err
	}
	before, err := f.InspectNode(ctx, holder, fleet.Inspection{})
	if err != nil {
		return nil, err
	}
	byName := make([]map[string]int, len(targets))
	for i := range targets {
		if byName[i] = targets[i].send(ctx, n); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	after, err := f.InspectNode(ctx, holder, fleet.Inspection{})
	if err != nil {
		return nil, err
	}
	if !after.Holds(vip) {
		return nil, fmt.Errorf("the VIP %s has left %s meanwhile: count again", vip, name)
	}
	out := make([]Distribution, 0, len(targets))
	for i := range targets {
		if err := targets[i].count(byName[i], before, after); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, targets[i].Distribution)
	}
	return out, nil
}

func member(f *fleet.Fleet, name string) inventory.Node {
	for _, n := range f.Everyone() {
		if n.Name == name {
			return n
		}
	}
	return inventory.Node{}
}

// targets are the ports of a VIP, the apiservers' first.
func targets(ctx context.Context, f *fleet.Fleet, vip netip.Addr) ([]target, error) {
	control, err := f.ControlPlane()
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(vip, f.Cluster.Entrance().Port())
	dial, _ := control.Route(ctx, at) // it will fail again, and be counted
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

// atOnce is how many connections are open at a time: few enough for leastconn
// to be even, too.
const atOnce = 8

// send makes the connections, and says whose they were, where that can be told.
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

// count fills in the shares: from what was seen, or from HAProxy's counters.
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
	if lost := t.Connections - t.Failed - got; lost > 0 { // refused by its source, or no server was up
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

// whoServes is the node whose own address is in the certificate of whoever
// answers; empty if it is in none, or those of several are.
func whoServes(ctx context.Context, through apiserver.Endpoint, nodes []inventory.Node) (string, error) {
	conn, certificate, err := through.Handshake(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // it has shown its certificate
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
