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
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/verdict"
)

// ThroughBalancer asks for /readyz through a worker's balancer, from the worker itself, as
// the balancer listens on loopback. If its sshd does not allow forwarding, the checks of
// its HAProxy, which verify the same, decide.
func ThroughBalancer(ctx context.Context, f *fleet.Fleet, control *apiserver.ControlPlane, n inventory.Node, at netip.AddrPort) error {
	h, err := f.Connect(ctx, n)
	if err != nil {
		return err
	}
	through := apiserver.Endpoint{Address: at, CA: control.CA, Name: apiserver.SharedName, Dial: h.DialContext, Credentials: control.Credentials}
	if err = through.Ask(ctx, "/readyz"); !errors.Is(err, remote.ErrForwarding) {
		return err
	}
	found, err := f.InspectNode(ctx, n, fleet.Inspection{})
	if err == nil && !slices.ContainsFunc(found.Servers, func(s haproxy.ServerState) bool { return s.Up() && strings.HasPrefix(s.Check, "L7OK") }) {
		err = errors.New("its haproxy sees no apiserver that is ready")
	}
	return err
}

// proveWorkers checks the balancers of the workers, and where their kubelets are
// connected.
func proveWorkers(ctx context.Context, f *fleet.Fleet, control *apiserver.ControlPlane, facts map[string]*node.Facts) []verdict.Check {
	workers := fleet.Workers(f)
	asked := askBalancers(ctx, f, control, workers)
	var out []verdict.Check
	for _, n := range workers {
		if b := f.Cluster.WorkerBalancer; b != nil {
			out = append(out, checkServers(f.Cluster, n, facts[n.Name], leftOut(f)),
				answer(n.Name, fmt.Sprintf("/readyz on %s", b.Address()), asked[n.Name]))
		}
		if f.Cluster.Endpoint != inventory.Leave {
			out = append(out, checkWorker(f.Cluster, n, facts[n.Name]))
		}
	}
	return out
}

func askBalancers(ctx context.Context, f *fleet.Fleet, control *apiserver.ControlPlane, workers []inventory.Node) map[string]error {
	asked := map[string]error{}
	if f.Cluster.WorkerBalancer == nil {
		return asked
	}
	var mu sync.Mutex
	_ = fleet.Each(workers, func(n inventory.Node) error { // the errors are in asked
		err := ThroughBalancer(ctx, f, control, n, f.Cluster.WorkerBalancer.Address())
		mu.Lock()
		defer mu.Unlock()
		asked[n.Name] = err
		return nil
	})
	return asked
}
