package rollout

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// healthPaths are asked over every way.
var healthPaths = []string{"/healthz", "/livez", "/readyz"}

// visit is an address that was asked for all of them.
type visit struct {
	to  netip.AddrPort
	err error
}

// blocked says whether nothing came of the connection itself.
func (w visit) blocked() bool {
	var op *net.OpError
	return errors.As(w.err, &op) && op.Op == "dial"
}

// auditWays asks every apiserver and every VIP directly, from this machine and
// from every node.
func (r *Rollout) auditWays(ctx context.Context, ca *x509.CertPool) []Check {
	nodes := r.everyone()
	apiservers := make([]netip.AddrPort, len(r.present()))
	for i, n := range r.present() {
		apiservers[i] = apiserverOf(r.Cluster, n)
	}
	out := make([][]Check, len(nodes)+1)
	var all sync.WaitGroup
	all.Go(func() {
		here := r.tryWays(ctx, ca, r.fromHere(), slices.Concat(apiservers, r.Cluster.Entrances()))
		out[0] = checkWaysFromHere(here)
	})
	all.Go(func() {
		_ = r.each(nodes, func(n inventory.Node) error { // no error is of the node's
			from := r.hosts[n.Name].DialContext
			out[1+slices.IndexFunc(nodes, func(m inventory.Node) bool { return m.Name == n.Name })] = slices.Concat(
				checkWays(n.Name, "every apiserver", r.tryWays(ctx, ca, from, apiservers)),
				checkWays(n.Name, "every VIP", r.tryWays(ctx, ca, from, r.Cluster.Entrances())))
			return nil
		})
	})
	all.Wait()
	return slices.Concat(out...)
}

// tryWays asks all of them at once.
func (r *Rollout) tryWays(ctx context.Context, ca *x509.CertPool, dial DialFunc, to []netip.AddrPort) []visit {
	out := make([]visit, len(to))
	var all sync.WaitGroup
	for i, at := range to {
		all.Go(func() {
			p := newProber(ca, at, dial)
			p.admin = r.administrator
			defer p.close()
			out[i].to = at
			for _, path := range healthPaths {
				if err := p.ask(ctx, path); err != nil {
					out[i].err = fmt.Errorf("%s: %w", path, err)
					return
				}
			}
		})
	}
	all.Wait()
	return out
}

// checkWays is one line for the ways that work, and one for each that does not.
func checkWays(from, what string, tried []visit) []Check {
	var out []Check
	var well []netip.AddrPort
	for _, w := range tried {
		if w.err == nil {
			well = append(well, w.to)
			continue
		}
		check := answer(from, fmt.Sprintf("reaches %s", w.to), w.err)
		var host *remote.Error
		switch {
		case errors.Is(w.err, remote.ErrForwarding):
			check.OK, check.Detail, check.Cure = true, "left out: its sshd allows no forwarding (AllowTcpForwarding)", ""
		case errors.As(w.err, &host):
			check.Detail = host.Err.Error()
			check.Cure = fmt.Sprintf("look for a firewall or a rule of nftables there and on the way (`nft list ruleset`), and at whom it takes for %s (`ip neigh show to %[1]s`)", w.to.Addr())
		}
		out = append(out, check)
	}
	if len(well) > 0 {
		ok := Check{Node: from, What: "reaches " + what, OK: true, Detail: joined(well, ", ") + ": " + strings.Join(healthPaths, ", ") + " ok, TLS verified"}
		if len(well) < len(tried) {
			ok.What = fmt.Sprintf("reaches %d of %d", len(well), len(tried))
		}
		out = append([]Check{ok}, out...)
	}
	return out
}

// checkWaysFromHere does not ask for what this machine cannot reach: where it
// has no way to any address of a family, the nodes have been asked.
func checkWaysFromHere(tried []visit) []Check {
	var reached, blocked []visit
	for _, w := range tried {
		like := func(other visit) bool { return other.to.Addr().Is4() == w.to.Addr().Is4() && !other.blocked() }
		if w.blocked() && !slices.ContainsFunc(tried, like) {
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
			addresses[i] = w.to
		}
		out = append(out, Check{
			What: "this machine reaches " + joined(addresses, ", "), OK: true,
			Detail: fmt.Sprintf("left out: it has no way there, and the nodes were asked (%v)", errors.Unwrap(blocked[0].err)),
		})
	}
	return out
}
