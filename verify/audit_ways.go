package verify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/verdict"
)

// auditWays asks every apiserver and every VIP directly, from this machine and from every
// node.
func auditWays(ctx context.Context, f *fleet.Fleet, control *apiserver.ControlPlane) []verdict.Check {
	nodes := f.Everyone()
	apiservers := make([]netip.AddrPort, len(f.Present()))
	for i, n := range f.Present() {
		apiservers[i] = f.Cluster.APIServerAddress(n)
	}
	out := make([][]verdict.Check, len(nodes)+1)
	var all sync.WaitGroup
	all.Go(func() {
		here := control.Try(ctx, control.Dial, slices.Concat(apiservers, f.Cluster.Entrances()))
		out[0] = checkWaysFromHere(here)
	})
	all.Go(func() {
		_ = fleet.Each(nodes, func(n inventory.Node) error { // errors are in the checks
			checks := &out[1+slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })]
			h, err := f.Connect(ctx, n)
			if err != nil { // the connection was lost since it was inspected
				*checks = []verdict.Check{answer(n.Name, "reaches every apiserver and every VIP", err)}
				return nil
			}
			*checks = slices.Concat(
				checkWays(n.Name, "every apiserver", control.Try(ctx, h.DialContext, apiservers)),
				checkWays(n.Name, "every VIP", control.Try(ctx, h.DialContext, f.Cluster.Entrances())))
			return nil
		})
	})
	all.Wait()
	return slices.Concat(out...)
}

// checkWays is one check for all addresses that were reached, and one for each that was
// not.
func checkWays(from, what string, tried []apiserver.Reachability) []verdict.Check {
	var out []verdict.Check
	var well []netip.AddrPort
	for _, w := range tried {
		if w.Err == nil {
			well = append(well, w.Address)
			continue
		}
		check := answer(from, fmt.Sprintf("reaches %s", w.Address), w.Err)
		var host *remote.Error
		switch {
		case errors.Is(w.Err, remote.ErrForwarding):
			check.OK, check.Detail, check.Hint = true, "left out: its sshd allows no forwarding (AllowTcpForwarding)", ""
		case errors.As(w.Err, &host):
			check.Detail = host.Err.Error()
			check.Hint = fmt.Sprintf("look for a firewall or an nftables rule there and on the way (`nft list ruleset`), and at the MAC address that it has for %s (`ip neigh show to %[1]s`)", w.Address.Addr())
		}
		out = append(out, check)
	}
	if len(well) > 0 {
		ok := verdict.Check{Node: from, What: "reaches " + what, OK: true, Detail: inventory.Join(well, ", ") + ": " + strings.Join(apiserver.HealthPaths, ", ") + " ok, TLS verified"}
		if len(well) < len(tried) {
			ok.What = fmt.Sprintf("reaches %d of %d", len(well), len(tried))
		}
		out = append([]verdict.Check{ok}, out...)
	}
	return out
}

// checkWaysFromHere is checkWays for this machine. It leaves out a family of addresses
// to which this machine has no route: the nodes have asked those.
func checkWaysFromHere(tried []apiserver.Reachability) []verdict.Check {
	var reached, blocked []apiserver.Reachability
	for _, w := range tried {
		like := func(other apiserver.Reachability) bool {
			return other.Address.Addr().Is4() == w.Address.Addr().Is4() && !other.Blocked()
		}
		if w.Blocked() && !slices.ContainsFunc(tried, like) {
			blocked = append(blocked, w)
		} else {
			reached = append(reached, w)
		}
	}
	out := checkWays("", "every apiserver and every VIP", reached)
	for i := range out {
		out[i].What = "this machine " + out[i].What
	}
	if len(blocked) > 0 {
		addresses := make([]netip.AddrPort, len(blocked))
		for i, w := range blocked {
			addresses[i] = w.Address
		}
		out = append(out, verdict.Check{
			What: "this machine reaches " + inventory.Join(addresses, ", "), OK: true,
			Detail: fmt.Sprintf("left out: it has no way there, and the nodes were asked (%v)", errors.Unwrap(blocked[0].Err)),
		})
	}
	return out
}
