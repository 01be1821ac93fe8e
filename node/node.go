// Package node has what can be done on one machine of a cluster, as typed calls.
// Each makes a program of its request, has it run there as root, and reads the
// answer. The programs are POSIX sh, in programs/; which text each consists of,
// and how long it may take, is in one table.
//
// A change goes through Stage, Transact, ReplaceManifest, Activate, Precommit and
// Confirm. From Transact until Confirm the node reverts it by itself when its
// window is over, when it boots, or when Revert says so.
//
// The package guarantees:
//
//   - What a request holds reaches the program as data, and never as a part of its
//     text. No other package knows a program's variables.
//   - What a node answers is not trusted. It is read by its form: what does not
//     have it is left out, or is an error, and strings are free of control
//     characters.
//   - A RefusedError says that a call has changed nothing, except for Activate: what
//     that has done is a part of the change, which goes back as a whole. After any
//     other error the node may have changed.
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
