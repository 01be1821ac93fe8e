package rollout

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// auditWays asks every apiserver and every VIP directly, from this machine and
// from every node.
func (r *Rollout) auditWays(ctx context.Context, ca *x509.CertPool) []Check {
	nodes, control := r.everyone(), r.controlPlane(ca)
	apiservers := make([]netip.AddrPort, len(r.present()))
	for i, n := range r.present() {
		apiservers[i] = r.Cluster.APIServerAddress(n)
	}
	out := make([][]Check, len(nodes)+1)
	var all sync.WaitGroup
	all.Go(func() {
		here := control.Try(ctx, r.fromHere(), slices.Concat(apiservers, r.Cluster.Entrances()))
		out[0] = checkWaysFromHere(here)
	})
	all.Go(func() {
		_ = r.each(nodes, func(n inventory.Node) error { // no error is of the node's
			checks := &out[1+slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })]
			h, err := r.host(ctx, n)
			if err != nil { // the connection was lost since it was inspected
				*checks = []Check{answer(n.Name, "reaches every apiserver and every VIP", err)}
				return nil
			}
			*checks = slices.Concat(
				checkWays(n.Name, "every apiserver", control.Try(ctx, h.DialContext, apiservers)),
				checkWays(n.Name, "every VIP", control.Try(ctx, h.DialContext, r.Cluster.Entrances())))
			return nil
		})
	})
	all.Wait()
	return slices.Concat(out...)
}

// checkWays is one line for the ways that work, and one for each that does not.
func checkWays(from, what string, tried []apiserver.Reachability) []Check {
	var out []Check
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
			check.OK, check.Detail, check.Cure = true, "left out: its sshd allows no forwarding (AllowTcpForwarding)", ""
		case errors.As(w.Err, &host):
			check.Detail = host.Err.Error()
			check.Cure = fmt.Sprintf("look for a firewall or a rule of nftables there and on the way (`nft list ruleset`), and at whom it takes for %s (`ip neigh show to %[1]s`)", w.Address.Addr())
		}
		out = append(out, check)
	}
	if len(well) > 0 {
		ok := Check{Node: from, What: "reaches " + what, OK: true, Detail: joined(well, ", ") + ": " + strings.Join(apiserver.HealthPaths, ", ") + " ok, TLS verified"}
		if len(well) < len(tried) {
			ok.What = fmt.Sprintf("reaches %d of %d", len(well), len(tried))
		}
		out = append([]Check{ok}, out...)
	}
	return out
}

// checkWaysFromHere does not ask for what this machine cannot reach: where it
// has no way to any address of a family, the nodes have been asked.
func checkWaysFromHere(tried []apiserver.Reachability) []Check {
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
		out = append(out, Check{
			What: "this machine reaches " + joined(addresses, ", "), OK: true,
			Detail: fmt.Sprintf("left out: it has no way there, and the nodes were asked (%v)", errors.Unwrap(blocked[0].Err)),
		})
	}
	return out
}
