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

// Distribution says how many of the connections through the VIP each node got. HAProxy
// balances connections, not the requests in them.
type Distribution struct {
	Name        string             `json:"name"` // kube-apiserver, or the service
	Address     string             `json:"address"`
	Affinity    inventory.Affinity `json:"sessionAffinity,omitempty"`
	Connections int                `json:"connections"` // attempted
	Failed      int                `json:"failed"`
	Error       string             `json:"error,omitempty"` // of the first failed connection
	CountedBy   string             `json:"countedBy"`
	Backends    []Share            `json:"backends"`
}

// Share is what one node got. If HAProxy counts, other clients' connections are
// included.
type Share struct {
	Node string `json:"node"`
	Got  int    `json:"got"`
}

// How connections are counted: by each apiserver's own certificate, or by the statistics
// of the holder's HAProxy.
const (
	byCertificate = "certificate"
	byHAProxy     = "haproxy"
)

// target is one port of a VIP.
type target struct {
	Distribution
	backend string
	nodes   []inventory.Node
	connect func(context.Context) (name string, err error) // name of the node; empty if it is not known
}

// Distribute makes n connections to every port of every VIP, one port after the other,
// and counts where they went. It is called after Installed.
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

// distribute counts with the statistics of the holder's HAProxy before and after.
func distribute(ctx context.Context, f *fleet.Fleet, vip netip.Addr, n int) ([]Distribution, error) {
	facts := f.Facts()
	name := node.Holder(vip, f.Everyone(), facts)
	if name == "" {
		check := checkHolder(vip, f.Everyone(), facts)
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
