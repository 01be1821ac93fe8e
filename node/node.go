// Package node says what can be done on one machine of a cluster. Each thing
// is a program of POSIX sh that runs there as root, in programs/. Nothing
// else of kplb knows what the programs are called, what they are given, or
// what they answer.
package node

import (
	"context"
	"net"

	"github.com/kplb/kplb/remote"
)

// Host is one node that programs run on, as root. *remote.Host is one.
type Host interface {
	Name() string // how messages call it
	Run(ctx context.Context, s remote.Script, each func(remote.Record) error) error
	// DialContext connects to an address as the node sees it.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Close() error
}
