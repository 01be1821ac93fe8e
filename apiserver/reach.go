package apiserver

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/kplb/kplb/inventory"
)

// ControlPlane is how the apiservers and the etcd of a cluster are reached.
type ControlPlane struct {
	Cluster     *inventory.Cluster
	CA          *x509.CertPool      // that the certificates of the apiservers are from
	Dial        DialFunc            // as this machine does
	Through     map[string]DialFunc // as nodes do, by name; of those that there are connections to
	Absent      map[string]bool     // nodes that are left out because they cannot be reached
	Credentials Credentials         // for apiservers that refuse anonymous requests; may be nil

	EtcdHealthURL string // where etcd reports its health, to its own node

	// NoRoute says whether an error of Through means that the node cannot
	// connect either: then what this machine has seen counts. It may be nil
	// where Through is empty.
	NoRoute func(error) bool
}

// Present are the control-plane nodes that are not left out.
func (p *ControlPlane) Present() []inventory.Node {
	return slices.DeleteFunc(slices.Clone(p.Cluster.Nodes), func(n inventory.Node) bool { return p.Absent[n.Name] })
}

func (p *ControlPlane) endpoint(at netip.AddrPort, dial DialFunc) Endpoint {
	return Endpoint{Address: at, CA: p.CA, Dial: dial, Credentials: p.Credentials}
}

// Reach asks for each path directly, and through the node of that name where
// this machine cannot connect. Where the node cannot connect either, what this
// machine has seen counts.
func (p *ControlPlane) Reach(ctx context.Context, node string, at netip.AddrPort, paths ...string) []error {
	direct := newProber(p.endpoint(at, p.Dial))
	defer direct.close()
	out := make([]error, len(paths))
	for i, path := range paths {
		out[i] = direct.ask(ctx, path)
		through := p.Through[node]
		if through == nil || !cannotDial(out[i]) {
			continue
		}
		if err := p.endpoint(at, through).Ask(ctx, path); err == nil || !p.NoRoute(err) {
			out[i] = err
		}
	}
	return out
}

// Ready asks whether the apiserver at an address is ready, as Reach does.
func (p *ControlPlane) Ready(ctx context.Context, node string, at netip.AddrPort) error {
	return p.Reach(ctx, node, at, "/readyz")[0]
}

// Route is how connections to an address of the cluster are made: from this
// machine, or through a control-plane node where this machine cannot connect. It
// has tried; the error is that of the DialFunc that it returns.
func (p *ControlPlane) Route(ctx context.Context, at netip.AddrPort) (DialFunc, error) {
	through := p.Through[p.Present()[0].Name]
	err := ProbeTCP(ctx, p.Dial, at)
	if through == nil || !cannotDial(err) || errors.Is(err, syscall.ECONNRESET) {
		return p.Dial, err
	}
	if inside := ProbeTCP(ctx, through, at); inside == nil || !p.NoRoute(inside) {
		return through, inside
	}
	return p.Dial, err
}

// dialTo connects from this machine, and through the node where that fails.
func (p *ControlPlane) dialTo(node string) DialFunc {
	through := p.Through[node]
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := p.Dial(ctx, network, address)
		if err != nil && through != nil {
			return through(ctx, network, address)
		}
		return c, err
	}
}

// Reachability is what became of asking an address for all of HealthPaths.
type Reachability struct {
	Address netip.AddrPort
	Err     error // of the first path that was not answered well
}

// Blocked says whether there was no connection at all.
func (r Reachability) Blocked() bool { return cannotDial(r.Err) }

// Try asks all addresses at once for HealthPaths, in one way.
func (p *ControlPlane) Try(ctx context.Context, dial DialFunc, addresses []netip.AddrPort) []Reachability {
	out := make([]Reachability, len(addresses))
	var all sync.WaitGroup
	for i, at := range addresses {
		all.Go(func() {
			prober := newProber(p.endpoint(at, dial))
			defer prober.close()
			out[i].Address = at
			for _, path := range HealthPaths {
				if err := prober.ask(ctx, path); err != nil {
					out[i].Err = fmt.Errorf("%s: %w", path, err)
					return
				}
			}
		})
	}
	all.Wait()
	return out
}

// AnonymousRefusals asks every apiserver for /readyz without credentials, and
// returns the statuses (401, 403) with which that was refused. Where no apiserver
// has answered, nothing is known.
func (p *ControlPlane) AnonymousRefusals(ctx context.Context) (statuses []int, known bool) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, n := range p.Present() {
		all.Go(func() {
			prober := newProber(p.endpoint(p.Cluster.APIServerAddress(n), p.dialTo(n.Name)))
			defer prober.close()
			err := prober.askOver(ctx, prober.own, "/readyz")
			var refused *StatusError
			mu.Lock()
			defer mu.Unlock()
			if errors.As(err, &refused) && refused.Anonymous() && !slices.Contains(statuses, refused.Code) {
				statuses = append(statuses, refused.Code)
			}
			known = known || err == nil || refused != nil
		})
	}
	all.Wait()
	slices.Sort(statuses)
	return statuses, known
}
