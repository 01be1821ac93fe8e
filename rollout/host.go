// Package rollout carries a cluster's rendered files to its nodes: it looks
// at the nodes, plans, changes one node after the other, and proves the
// result through the VIP.
package rollout

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// Dialer connects to a node.
type Dialer func(ctx context.Context, n inventory.Node) (node.Host, error)

// DialFunc connects, as net.Dialer's DialContext does. A host's own connects as
// that node does.
type DialFunc = apiserver.DialFunc

// reachTime is how long this machine tries to connect: where it has no way, a
// node is asked.
const reachTime = 2 * time.Second

// fromHere connects as this machine does.
func (r *Rollout) fromHere() DialFunc {
	if r.Network != nil {
		return r.Network
	}
	return (&net.Dialer{Timeout: reachTime}).DialContext
}

// host returns the connection to a node, made when it is first needed.
func (r *Rollout) host(ctx context.Context, n inventory.Node) (node.Host, error) {
	r.mu.Lock()
	h := r.hosts[n.Name]
	r.mu.Unlock()
	if h != nil {
		return h, nil
	}
	err := r.step(Event{Node: n.Name, Step: "connecting", Brief: true}, func() (err error) {
		h, err = r.Dial(ctx, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hosts == nil {
		r.hosts = map[string]node.Host{}
	}
	r.hosts[n.Name] = h
	return h, nil
}

// drop forgets a connection that does not answer any more.
func (r *Rollout) drop(n inventory.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.hosts[n.Name]; h != nil {
		_ = h.Close() // it is of no use any more
	}
	delete(r.hosts, n.Name)
}

// dropLost forgets the connections that a NodeErrors says are lost.
func (r *Rollout) dropLost(err error) {
	var failed NodeErrors
	if !errors.As(err, &failed) {
		return
	}
	for _, n := range r.everyone() {
		if err := failed[n.Name]; errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrClosed) {
			r.drop(n)
		}
	}
}

// Close ends the connections.
func (r *Rollout) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hosts {
		_ = h.Close() // nothing is done with it any more
	}
	r.hosts = nil
}
