// Package fleet works on the nodes of a cluster together: it connects to them,
// inspects them and locks them, several at once, and says what it does.
//
// Nothing here changes what a node does. Connections are made when they are
// first needed, and kept until they are lost or Close is called. Errors of single
// nodes are returned together as a NodeErrors. All methods of a Fleet may be called
// from several goroutines, unless they say otherwise.
package fleet

import (
	"context"
	"maps"
	"sync"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// Dialer connects to a node.
type Dialer func(ctx context.Context, n inventory.Node) (node.Host, error)

// DialFunc connects, as net.Dialer's DialContext does. That of a host connects from that
// host.
type DialFunc = apiserver.DialFunc

// Fleet is the nodes of one cluster, with the connections to them and their latest
// facts. Its exported fields are set before its first use, and not changed afterwards.
type Fleet struct {
	Cluster *inventory.Cluster
	Dial    Dialer
	Network DialFunc    // how this machine connects to the cluster; nil: over its own network
	OnEvent func(Event) // is called with every event, from several goroutines; nil: events are dropped

	// AllowUnreachable makes Inspect leave out nodes that cannot be reached, as long as
	// the others are a majority. The next apply brings them up to date.
	AllowUnreachable bool

	Operator string // who works on the nodes, and from where: shown to others who find a lock, and in the history

	mu      sync.Mutex
	hosts   map[string]node.Host
	facts   map[string]*node.Facts
	absent  map[string]error // nodes that are left out, and why
	leaving []inventory.Node // no longer in the inventory
	token   string           // of the lock that is held; empty: none

	administrator administrator
}

// Facts are the latest facts of each inspected node, by name.
func (f *Fleet) Facts() map[string]*node.Facts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.facts)
}
