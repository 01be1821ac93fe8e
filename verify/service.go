package verify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/render"
	"github.com/kplb/kplb/verdict"
)

// proveServices connects to every service through its VIPs at once. HAProxy on the VIP's
// holder says which servers are up.
func proveServices(ctx context.Context, f *fleet.Fleet, control *apiserver.ControlPlane, holders map[netip.Addr]string, facts map[string]*node.Facts) []verdict.Check {
	out := make([][]verdict.Check, len(f.Cluster.Services))
	var wg sync.WaitGroup
	for i, s := range f.Cluster.Services {
		addresses := f.Cluster.ServiceAddresses(s)
		out[i] = make([]verdict.Check, len(addresses))
		for j, at := range addresses {
			wg.Go(func() {
				_, err := control.Route(ctx, at)
				if len(s.SourceRanges) > 0 && errors.Is(err, syscall.ECONNRESET) {
					err = nil // it listens, for other sources
				}
				holder := holders[at.Addr()]
				out[i][j] = checkService(s, at, holder, facts[holder], err)
			})
		}
	}
	wg.Wait()
	return slices.Concat(out...)
}

// checkService makes a check from a connection and the statistics of the holder's
// HAProxy.
func checkService(s inventory.Service, at netip.AddrPort, holder string, f *node.Facts, err error) verdict.Check {
	check := verdict.Check{What: fmt.Sprintf("service %s on %s", s.Name, at)}
	switch {
	case f == nil: // the check of the holder says so
		check.Detail, check.Advisory = "no single node holds the VIP", true
		return check
	case !slices.Contains(haproxy.Parse(f.Files[render.HAProxyPath].Content).Binds(), at): // an older generation, unless a change is pending
		check.Detail, check.Hint, check.Advisory = "is not in haproxy.cfg of "+holder, "run `kplb apply`", true
		return check
	case err != nil:
		check.Detail, check.Hint = err.Error(), "look at `journalctl -u haproxy` on "+holder
		return check
	}
	servers := f.Backends[node.ServiceBackend(s.Name)]
	var down []string
	for _, server := range servers {
		if !server.Up() {
			down = append(down, fmt.Sprintf("%s is %s (%s)", server.Name, server.Status, server.Check))
		}
	}
	up := len(servers) - len(down)
	check.Detail = fmt.Sprintf("connected, %d of %d servers up", up, len(servers))
	if len(down) > 0 {
		check.Detail += ": " + strings.Join(down, ", ")
	}
	if check.OK = up > 0; !check.OK {
		check.Advisory = true
		check.Hint = fmt.Sprintf("no node takes connections on port %d: look for the service that has this NodePort, and for its pods", s.NodePort)
	}
	return check
}
