package verify

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/kplb/kplb/fleet"
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
