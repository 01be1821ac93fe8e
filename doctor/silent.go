package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/refusal"
)

// Silent refuses to take machines for gone that are not: one that answers ARP or neighbour
// discovery for an address of its own, or sends VRRP adverts; and all of them while somebody
// answers for a VIP who is no node. Nodes listen for that; where none of them can ask for a
// machine, it is not proven to be gone. Its error is a refusal.Error, or a
// fleet.NodeErrors where no node could look.
func Silent(ctx context.Context, f *fleet.Fleet, gone []inventory.Node) error {
	if len(gone) == 0 {
		return nil
	}
	step := fleet.Event{Step: "listening for " + strings.Join(inventory.Names(gone), " and "), Usual: usual}
	var seen map[string]*observation
	err := f.Step(step, func() (err error) {
		seen, err = listenFor(ctx, f, gone)
		return err
	})
	if err != nil {
		return err
	}
	var refused refusal.Error
	for _, n := range gone {
		if what, hint := whyNotGone(f.Cluster, n, seen); what != "" {
			refused.Refusals = append(refused.Refusals, refusal.Refusal{Node: n.Name, What: what, Hint: hint})
		}
	}
	if len(refused.Refusals) > 0 {
		return &refused
	}
	return nil
}

// listenFor has every node ask for the addresses of machines, and for the VIPs. A node that
// cannot is left out, as long as another one can.
func listenFor(ctx context.Context, f *fleet.Fleet, gone []inventory.Node) (map[string]*observation, error) {
	asked := slices.Clone(f.Cluster.VIPs)
	for _, n := range gone {
		asked = append(asked, addressesOf(n)...)
	}
	nodes, seen := f.Present(), map[string]*observation{}
	var mu sync.Mutex
	err := fleet.Each(nodes, func(n inventory.Node) error {
		h, err := f.Connect(ctx, n)
		if err != nil {
			return err
		}
		mine := &observation{}
		if err := node.Observe(ctx, h, fleet.LayoutOf(f.Cluster), node.ObserveRequest{Address: ipv4Of(n), VIPs: asked, Listen: listenTime}, &mine.Observation, func() {}); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		seen[n.Name] = mine
		return nil
	})
	var failed fleet.NodeErrors
	if ctx.Err() == nil && errors.As(err, &failed) && len(seen) > 0 {
		err = nil
	}
	return seen, err
}

func addressesOf(n inventory.Node) []netip.Addr {
	if slices.Contains(n.Addresses, n.Address) {
		return n.Addresses
	}
	return append([]netip.Addr{n.Address}, n.Addresses...)
}

// whyNotGone says why a machine is not proven to be gone, and what to do; empty: it is.
func whyNotGone(c *inventory.Cluster, n inventory.Node, seen map[string]*observation) (what, hint string) {
	own := addressesOf(n)
	turnOff := fmt.Sprintf("turn that machine off, or apply without --forget, which cleans it; where its sshd wants another port or user, name them in ~/.ssh/config (Host %s)", n.Address)
	var deaf []string
	proven := false
	for _, by := range slices.Sorted(maps.Keys(seen)) {
		o := seen[by]
		for _, at := range own {
			if macs := o.answering(at); len(macs) > 0 {
				return fmt.Sprintf("it is not gone: %s answers for %s, as %s sees it", strings.Join(macs, " and "), at, by), turnOff
			}
		}
		for _, s := range o.Speakers {
			if slices.Contains(own, s.Address) {
				return fmt.Sprintf("it is not gone: %s hears the VRRP adverts of %s", by, s), turnOff
			}
		}
		for _, vip := range c.VIPs {
			for _, mac := range o.answering(vip) {
				if !hasMAC(seen, mac) {
					return fmt.Sprintf("it may not be gone: %s answers for %s, as %s sees it, and is no node that was asked", mac, vip, by), turnOff
				}
			}
		}
		if why := o.cannotAsk(own); why != "" {
			deaf = append(deaf, by+": "+why)
			continue
		}
		proven = true
	}
	if !proven {
		return "it is not proven to be gone (" + strings.Join(deaf, "; ") + ")", "install perl on one of the nodes, so that it can ask for the machine"
	}
	return "", ""
}

// answering are the MACs that said just now that they have an address.
func (t *observation) answering(at netip.Addr) []string {
	out := slices.Clone(t.Answers[at])
	for _, nb := range t.Neighbours {
		if nb.Address == at && nb.Fresh && !slices.Contains(out, nb.MAC) {
			out = append(out, nb.MAC)
		}
	}
	return out
}

// cannotAsk says why the node's silence about these addresses says nothing; empty: it does.
func (t *observation) cannotAsk(addresses []netip.Addr) string {
	for _, at := range addresses {
		near := slices.ContainsFunc(t.Addresses, func(a node.Address) bool { return a.Prefix.Masked().Contains(at) })
		switch {
		case !near:
			return fmt.Sprintf("%s is in none of its subnets", at)
		case !t.asksFor(at):
			return t.whyDoesNotAsk(at)
		}
	}
	return ""
}

func hasMAC(seen map[string]*observation, mac string) bool {
	for _, o := range seen {
		if slices.Contains(slices.Collect(maps.Values(o.MACs)), mac) {
			return true
		}
	}
	return false
}
