package apiserver

import (
	"context"
	"fmt"

	"github.com/kplb/kplb/inventory"
)

// Quorate wants the control plane to work without the apiserver of a node for a
// while: every other apiserver ready, and etcd with its majority, asked right
// now. With control-plane nodes left out, the ready apiservers have to be a majority.
func (p *ControlPlane) Quorate(ctx context.Context, without inventory.Node) error {
	ready, absent := 0, 0
	for _, n := range p.Cluster.Nodes {
		if p.Absent[n.Name] {
			absent++
			continue
		}
		if n.Name == without.Name {
			continue
		}
		if err := p.Ready(ctx, n.Name, p.Cluster.APIServerAddress(n)); err != nil {
			return fmt.Errorf("%s: its apiserver is not restarted while the one of %s is not ready: %w", without.Name, n.Name, err)
		}
		ready++
	}
	if majority := p.Cluster.Quorum(); absent > 0 && ready < majority {
		return fmt.Errorf("%s: its apiserver is not restarted: %d other apiservers would be left, fewer than the majority of %d", without.Name, ready, majority)
	}
	return p.etcdQuorate(ctx, without)
}

// etcdQuorate wants a majority of etcd's members healthy. Clusters whose nodes
// have no etcd of their own are not judged.
func (p *ControlPlane) etcdQuorate(ctx context.Context, without inventory.Node) error {
	healthy, members := 0, 0
	var sick []string
	for _, n := range p.Cluster.Nodes {
		if p.Absent[n.Name] {
			continue
		}
		known, ok := p.EtcdHealth(ctx, n.Name)
		if !known {
			continue
		}
		members++
		if ok {
			healthy++
		} else {
			sick = append(sick, n.Name)
		}
	}
	if members == 0 {
		return nil
	}
	if majority := p.Cluster.Quorum(); healthy < majority {
		return fmt.Errorf("%s: its apiserver is not restarted: etcd has %d healthy members, fewer than the majority of %d; not healthy: %v",
			without.Name, healthy, majority, sick)
	}
	return nil
}
