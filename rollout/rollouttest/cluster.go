// Package rollouttest has clusters that exist in a test alone: nodes that
// answer kplb's scripts from a state in memory, and change it as the programs
// on a real node do. What they cannot show is what the programs themselves do:
// those run for real in the tests of node, and in the lab.
//
// A cluster is a fresh kubeadm cluster of Debian nodes at first. Its apiservers
// answer over TLS on their nodes' addresses, and on the VIP where a HAProxy
// serves it. Nothing of it is reached over a network.
package rollouttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// Cluster is a cluster in memory. Its methods may be called from several
// goroutines.
type Cluster struct {
	t         testing.TB
	inventory *inventory.Cluster
	authority *apiservertest.CA

	mu     sync.Mutex
	nodes  map[string]*Node
	order  []string // of the nodes, as in the inventory
	holder string   // of the VIP
	asked  []string // every script that ran, "node-1 transact", but those that only look
	turn   int      // connections that the VIP's holder has sent on
}

// New makes a cluster of the control-plane nodes of an inventory with one VIP.
func New(t testing.TB, c *inventory.Cluster) *Cluster {
	t.Helper()
	out := &Cluster{t: t, inventory: c, authority: apiservertest.NewCA("kubernetes"), nodes: map[string]*Node{}}
	for _, n := range c.Nodes {
		out.order = append(out.order, n.Name)
		out.nodes[n.Name] = newNode(out, n)
	}
	return out
}

// Change changes a node as somebody else would, who is not kplb.
func (c *Cluster) Change(node string, change func(*Node)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.nodes[node])
}

// Asked lists the scripts that changed something, or tried to, as "NODE SCRIPT".
func (c *Cluster) Asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// Holder names the node that has the VIP; empty: none.
func (c *Cluster) Holder() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elect()
}

// elect is VRRP without a preferred node: who has the VIP keeps it, and the
// first one that speaks gets it after that.
func (c *Cluster) elect() string {
	if n := c.nodes[c.holder]; n != nil && n.speaks() {
		return c.holder
	}
	c.holder = ""
	for _, name := range c.order {
		if c.nodes[name].speaks() {
			c.holder = name
			break
		}
	}
	return c.holder
}

// Dial connects to a node, as a rollout does.
func (c *Cluster) Dial(_ context.Context, n inventory.Node) (*Host, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	node := c.nodes[n.Name]
	if node == nil || node.Unreachable || node.SSHElsewhere {
		return nil, &remote.Error{Host: n.Name, Err: fmt.Errorf("%w: no route to host", remote.ErrUnreachable), Hint: "is it on?"}
	}
	if node.RefusesLogin {
		return nil, &remote.Error{Host: n.Name, Err: remote.ErrAuth, Hint: "load the key"}
	}
	return &Host{node: node}, nil
}

// DialOperator connects as the operator's own machine does, which has no way to
// the cluster but its logins.
func (c *Cluster) DialOperator(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ENETUNREACH}
}

// dial connects as a node does.
func (c *Cluster) dial(address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	for _, name := range c.order {
		if n := c.nodes[name]; n.apiserver() && at == netip.AddrPortFrom(n.address, c.inventory.Port) {
			return n.answer(), nil
		}
	}
	for _, name := range c.order { // sshd
		if n := c.nodes[name]; !n.Unreachable && !n.SSHElsewhere && at == netip.AddrPortFrom(n.address, 22) {
			return n.answer(), nil
		}
	}
	if holder := c.nodes[c.elect()]; holder != nil && slices.Contains(holder.frontends(), at) {
		if n := c.next(holder.servers()); n != nil {
			return n.answer(), nil
		}
	}
	return nil, &remote.Error{Host: "node", Err: remote.ErrForwardFailed}
}

// next is the server whose turn it is, of those that are up; nil: none is.
func (c *Cluster) next(servers []string) *Node {
	for range servers {
		n := c.nodes[servers[c.turn%len(servers)]]
		c.turn++
		if n != nil && n.apiserver() {
			return n
		}
	}
	return nil
}

// Host is a connection to a node.
type Host struct {
	node *Node
	lost bool
}

var errLost = errors.New("the connection is lost")

// Name is the name of the node.
func (h *Host) Name() string { return h.node.name }

// Close ends the connection, and with it the lock that was taken over it.
func (h *Host) Close() error {
	c := h.node.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.node.lockedBy == h {
		h.node.unlock()
	}
	h.lost = true
	return nil
}

// DialContext connects to an address as the node sees it.
func (h *Host) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	return h.node.cluster.dial(address)
}
