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

// reachTime is how long this machine tries to connect before it goes through a node.
const reachTime = 2 * time.Second

// dialFromHere connects from this machine: over Network if it is set, and otherwise over
// the machine's own network.
func dialFromHere(network DialFunc) DialFunc {
	if network != nil {
		return network
	}
	return (&net.Dialer{Timeout: reachTime}).DialContext
}

// Connect returns the connection to a node, and opens it if there is none.
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

// Connection is the open connection to a node; nil: there is none.
func (f *Fleet) Connection(n inventory.Node) node.Host {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hosts[n.Name]
}

// Drop closes the connection to a node that no longer answers. The next Connect opens
// another one.
func (f *Fleet) Drop(n inventory.Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.hosts[n.Name]; h != nil {
		_ = h.Close() // it is lost
	}
	delete(f.hosts, n.Name)
}

// DropLost drops the connections that are lost according to a NodeErrors. Any other
// error drops none.
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

// Lost says whether an error means that a connection is lost.
func Lost(err error) bool {
	return errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrClosed)
}

// Close closes the connections.
func (f *Fleet) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		_ = h.Close() // it is no longer used
	}
	f.hosts = nil
}
