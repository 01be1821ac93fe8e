package fleet

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// reachTime is how long this machine tries to connect: where it has no way, a
// node is asked.
const reachTime = 2 * time.Second

// dialFromHere connects as this machine does: over its own network, if it is told
// of no other.
func dialFromHere(network DialFunc) DialFunc {
	if network != nil {
		return network
	}
	return (&net.Dialer{Timeout: reachTime}).DialContext
}

// Connect returns the connection to a node, made when it is first needed.
func (f *Fleet) Connect(ctx context.Context, n inventory.Node) (node.Host, error) {
	if h := f.Connection(n); h != nil {
		return h, nil
	}
	var h node.Host
	err := f.Step(Event{Node: n.Name, Step: "connecting", Brief: true}, func() (err error) {
		h, err = f.Dial(ctx, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hosts == nil {
		f.hosts = map[string]node.Host{}
	}
	f.hosts[n.Name] = h
	return h, nil
}

// Connection is the connection to a node that there is now; nil: none.
func (f *Fleet) Connection(n inventory.Node) node.Host {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hosts[n.Name]
}

// Drop closes the connection to a node, which does not answer any more. The
// next Connect makes another one.
func (f *Fleet) Drop(n inventory.Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.hosts[n.Name]; h != nil {
		_ = h.Close() // it is of no use any more
	}
	delete(f.hosts, n.Name)
}

// DropLost drops the connections that a NodeErrors says are lost. Any other
// error changes nothing.
func (f *Fleet) DropLost(err error) {
	var failed NodeErrors
	if !errors.As(err, &failed) {
		return
	}
	for _, n := range f.Everyone() {
		if Lost(failed[n.Name]) {
			f.Drop(n)
		}
	}
}

// Lost says whether an error means that a connection is of no use any more.
func Lost(err error) bool {
	return errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrClosed)
}

// Close ends the connections.
func (f *Fleet) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		_ = h.Close() // nothing is done with it any more
	}
	f.hosts = nil
}
