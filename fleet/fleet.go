// Package fleet works on the nodes of a cluster together: it connects to them,
// inspects them and locks them, several at once, and says what it does.
//
// Nothing here changes what a node does. Connections are made when they are
// first needed, and kept until they are lost or Close is called. What goes wrong
// on some of the nodes is a NodeErrors. All methods of a Fleet may be called
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

// DialFunc connects, as net.Dialer's DialContext does. A host's own connects as
// that node does.
type DialFunc = apiserver.DialFunc

// Fleet is the nodes of one cluster, with the connections to them and what was
// found on them last. Its exported fields are set before its first use, and not
// changed afterwards.
type Fleet struct {
	Cluster *inventory.Cluster
	Dial    Dialer
	Network DialFunc    // how this machine itself reaches the cluster; nil: over its own network
	OnEvent func(Event) // is told what happens, from several goroutines; nil: nobody is

	// AllowUnreachable has Inspect leave out nodes that cannot be reached, as
	// long as the others are a majority. They converge at the next apply.
	AllowUnreachable bool

	Operator string // who works on the nodes, and from where: others who find a lock are told, and so is the history

	mu      sync.Mutex
	hosts   map[string]node.Host
	facts   map[string]*node.Facts
	absent  map[string]bool  // nodes that are left out because they cannot be reached
	leaving []inventory.Node // that the inventory does not have any more

	administrator administrator
}

// Facts are what was found last on each node that was inspected, by name.
func (f *Fleet) Facts() map[string]*node.Facts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.facts)
}
