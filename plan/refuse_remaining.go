package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/keepalived"
	"github.com/kplb/kplb/member"
	"github.com/kplb/kplb/refusal"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/vrrp"
)

// refuseRemaining refuses to remove kplb where a node would keep it: one that kplb's files
// on the others name, and that the inventory lacks, or has as a worker. Its error is a
// refusal.Error.
func refuseRemaining(in *Input) error {
	if in.Target != ToGeneration || in.Generation != 0 {
		return nil
	}
	var refused refusal.Error
	for _, n := range in.Nodes {
		if n.Worker && member.HasSpeaker(in.Facts[n.Name]) {
			refused.Refusals = append(refused.Refusals, refusal.Refusal{
				Node: n.Name, What: "kplb's keepalived is on it, of its time as a control-plane node", Hint: "run `kplb apply` first: it cleans the node",
			})
		}
	}
	for _, n := range in.Former {
		if !slices.Contains(in.Forgotten, n.Name) {
			refused.Refusals = append(refused.Refusals, remaining(in, n.Name, n.Name, n.Address))
		}
	}
	for _, at := range strangePeers(in, func(inventory.Node) []byte { return nil }) {
		refused.Refusals = append(refused.Refusals, remaining(in, in.Cluster.Name, at.String(), at))
	}
	if refused.Refusals == nil {
		return nil
	}
	return &refused
}

func remaining(in *Input, node, name string, at netip.Addr) refusal.Refusal {
	return refusal.Refusal{
		Node: node, What: fmt.Sprintf("kplb's files on the nodes have %s as one of them, and the inventory does not: it would keep kplb, and hold %s", at, inventory.Join(in.Cluster.VIPs, " and ")),
		Hint: fmt.Sprintf("put it back into the inventory, or run `kplb apply` first, which cleans it; if that machine is gone for good, give --forget %s", name),
	}
}

// strangePeers are the addresses that keepalived on the nodes sends adverts to, and that are
// of no node, nor of a member that is not in the inventory; but for those that it still sends to with its
// file afterwards.
func strangePeers(in *Input, after func(inventory.Node) []byte) []netip.Addr {
	known := func(at netip.Addr) bool {
		return slices.ContainsFunc(slices.Concat(in.Cluster.Nodes, in.Cluster.Workers, in.Former, in.Leaving), func(n inventory.Node) bool {
			return n.Address == at || slices.Contains(n.Addresses, at)
		}) || slices.Contains(in.Forgotten, at.String())
	}
	var out []netip.Addr
	for _, n := range in.Nodes {
		config := in.Facts[n.Name].Files[render.KeepalivedPath].Content
		if render.Stamp(config) == render.Unstamped || slices.Contains(in.TakenOver, n.Name) && !shareVIP(in.Cluster, config) {
			continue
		}
		stays := keepalived.Peers(after(n))
		for _, at := range keepalived.Peers(config) {
			if !known(at) && !slices.Contains(stays, at) && !slices.Contains(out, at) {
				out = append(out, at)
			}
		}
	}
	return out
}

// shareVIP says whether keepalived with this file holds a VIP of the cluster.
func shareVIP(c *inventory.Cluster, config []byte) bool {
	return slices.ContainsFunc(vrrp.Identities(config), func(id vrrp.Identity) bool {
		return slices.ContainsFunc(id.VIPs(), func(vip netip.Addr) bool { return slices.Contains(c.VIPs, vip) })
	})
}

// refuseStruck refuses to strike somebody from the peers who is not known, and so cannot be
// cleaned. Its error is a refusal.Error.
func refuseStruck(in *Input, plans []NodePlan) error {
	struck := strangePeers(in, func(n inventory.Node) []byte {
		for _, p := range plans {
			for _, c := range p.Changes {
				if p.Node.Name == n.Name && c.Path == render.KeepalivedPath {
					return c.after()
				}
			}
		}
		return in.Facts[n.Name].Files[render.KeepalivedPath].Content
	})
	if struck == nil {
		return nil
	}
	var refused refusal.Error
	for _, at := range struck {
		refused.Refusals = append(refused.Refusals, refusal.Refusal{
			Node: in.Cluster.Name, What: fmt.Sprintf("keepalived on the nodes has %s as a peer, which is no node of the inventory: without it, both it and a node would hold %s", at, inventory.Join(in.Cluster.VIPs, " and ")),
			Hint: fmt.Sprintf("put it into the inventory; if that machine is gone for good, give --forget %s", at),
		})
	}
	return &refused
}
