// Package rollout carries a cluster's rendered files to its nodes: it looks
// at the nodes, plans, changes one node after the other, and proves the
// result through the VIP.
package rollout

import (
	"context"
	"net"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// Host is one node that scripts run on, as root. *remote.Host is one.
type Host interface {
	Run(ctx context.Context, s remote.Script, each func(remote.Record) error) error
	// DialContext connects to an address as the node sees it.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Close() error
}

// Dialer connects to a node.
type Dialer func(ctx context.Context, n inventory.Node) (Host, error)
