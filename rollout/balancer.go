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
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/plan"
	"github.com/kplb/kplb/remote"
)

// activate has the daemons of a node use their new files. A worker's kubelet
// follows when its balancer has led to an apiserver: where that does not come
// true, it has not been touched.
func (r *Rollout) activate(ctx context.Context, h node.Host, n plan.NodePlan) error {
	at, ok := n.Balancer()
	if !ok || n.Kubelet == node.Leave {
		return node.Activate(ctx, h, r.activateRequest(n))
	}
	first, second := n, n
	first.Kubelet = node.Leave
	second.HAProxy, second.ReadUnits, second.Enable, second.Disable = node.Leave, false, nil, nil
	if err := node.Activate(ctx, h, r.activateRequest(first)); err != nil {
		return err
	}
	r.report(Event{Node: n.Node.Name, Step: fmt.Sprintf("waiting for an apiserver through %s", at), Usual: time.Second})
	if err := r.awaitBalancer(ctx, n.Node, at); err != nil {
		return err
	}
	r.report(Event{Node: n.Node.Name, Step: "kubelet", Usual: activateUsual})
	return node.Activate(ctx, h, r.activateRequest(second))
}

// awaitBalancer waits until a worker's balancer leads to an apiserver that is
// ready.
func (r *Rollout) awaitBalancer(ctx context.Context, n inventory.Node, at netip.AddrPort) error {
	ca, err := r.authority()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(vipPatience); ; {
		err := r.balances(ctx, ca, n, at)
		switch {
		case err == nil || ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("%s: its kubelet is not moved to %s: %w", n.Name, at, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(again):
		}
	}
}

// balances asks for /readyz through a worker's balancer, from the worker. Where
// its sshd does not forward, its HAProxy's own checks have to do, which verify
// the same.
func (r *Rollout) balances(ctx context.Context, ca *x509.CertPool, n inventory.Node, at netip.AddrPort) error {
	h, err := r.host(ctx, n)
	if err != nil {
		return err
	}
	through := apiserver.Endpoint{Address: at, CA: ca, Name: apiserver.SharedName, Dial: h.DialContext, Credentials: r.administrator}
	if err = through.Ask(ctx, "/readyz"); !errors.Is(err, remote.ErrForwarding) {
		return err
	}
	f, err := r.inspectNode(ctx, n, r.usual())
	if err == nil && !slices.ContainsFunc(f.Servers, func(s haproxy.ServerState) bool { return s.Up() && strings.HasPrefix(s.Check, "L7OK") }) {
		err = errors.New("its haproxy has not seen any apiserver to be ready")
	}
	return err
}

// proveWorkers looks at the workers: at their balancers, and at where their
// kubelets are connected.
func (r *Rollout) proveWorkers(ctx context.Context, ca *x509.CertPool, facts map[string]*node.Facts) []Check {
	workers := r.reached(r.Cluster.Workers)
	asked := r.askBalancers(ctx, ca, workers)
	var out []Check
	for _, n := range workers {
		if b := r.Cluster.WorkerBalancer; b != nil {
			out = append(out, checkServers(r.Cluster, n, facts[n.Name], r.absent),
				answer(n.Name, fmt.Sprintf("/readyz on %s", b.Address()), asked[n.Name]))
		}
		if r.Cluster.Endpoint != inventory.Leave {
			out = append(out, checkWorker(r.Cluster, n, facts[n.Name]))
		}
	}
	return out
}

func (r *Rollout) askBalancers(ctx context.Context, ca *x509.CertPool, workers []inventory.Node) map[string]error {
	asked := map[string]error{}
	if r.Cluster.WorkerBalancer == nil {
		return asked
	}
	var mu sync.Mutex
	_ = r.each(workers, func(n inventory.Node) error { // the errors are in asked
		err := r.balances(ctx, ca, n, r.Cluster.WorkerBalancer.Address())
		mu.Lock()
		defer mu.Unlock()
		asked[n.Name] = err
		return nil
	})
	return asked
}

// kubeletAt is where the kubelets of workers find the apiservers.
func kubeletAt(c *inventory.Cluster) []netip.AddrPort {
	if c.WorkerBalancer != nil {
		return []netip.AddrPort{c.WorkerBalancer.Address()}
	}
	return c.Entrances()
}
