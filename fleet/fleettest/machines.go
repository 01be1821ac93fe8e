package fleettest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/render"
)

// Machines are a cluster of nodes that only answer: what they are asked is
// written down, in order. Nobody listens on their addresses, so an apiserver
// is reached through its node.
type Machines struct {
	Fleet *fleet.Fleet // that works on them
	T     testing.TB
	Nodes map[string]*Node
	VIP   *Node                             // who answers there
	Local *Node                             // who answers through the balancers of workers; nil: nobody
	Turns []*Node                           // in its place, one after the other
	API   func(*http.Request) (int, string) // below /api/; nil: there is nothing

	mu     sync.Mutex
	asked  []string                 // "node-1 transact": every script but those of quiet
	given  map[string]remote.Script // the last ones
	Dialed map[string]int
	open   int // connections
}

// Node is one of them.
type Node struct {
	ID          string // its name in the inventory
	Machines    *Machines
	Facts       *node.Facts
	Saved       map[string]*node.Snapshot // generations, by number
	On          map[string]Step           // by Script.Name; see script.go
	Dial        func(n int) error         // the n-th connection; nil: all work
	Certificate tls.Certificate
	Ready       func() int  // the status of /readyz; nil: 200
	Down        atomic.Bool // nothing listens where its apiserver should
	EtcdHealth  string      // of its etcd; empty: nothing listens

	Kubelet func(*http.Request) (int, string) // at its healthzPort; nil: nothing listens

	NoForwarding bool // by its sshd, to a balancer
}

// quietScripts are asked at times that do not matter.
var quietScripts = []string{"inspect", "doctor", "lock", "release", "hello", "renew", "drain"}

// New has nodes with the facts that of makes.
func New(t testing.TB, of Make) *Machines {
	t.Helper()
	f := &Machines{Fleet: &fleet.Fleet{Cluster: plantest.Parse(t, plantest.Home)}, T: t, Nodes: map[string]*Node{}, given: map[string]remote.Script{}, Dialed: map[string]int{}}
	c := f.Fleet.Cluster
	c.Port = 1 // tcpmux: refused at once
	c.VIP = netip.MustParseAddr("127.9.1.9")
	c.VIPs = []netip.Addr{c.VIP}
	for i := range c.Nodes {
		c.Nodes[i].Address = netip.MustParseAddr(fmt.Sprintf("127.9.1.%d", i+1))
	}
	for _, n := range c.Nodes {
		f.Nodes[n.Name] = &Node{
			ID: n.Name, Machines: f, Facts: of(t, c, n), On: map[string]Step{}, Saved: map[string]*node.Snapshot{},
			Certificate: Authority.Certificate(t, apiservertest.FarAhead, nil, n.Address.String()),
		}
	}
	f.VIP = &Node{Certificate: Authority.Certificate(t, apiservertest.FarAhead, nil, "127.9.1.9")}
	f.Fleet.Operator = "ann@desk, pid 7"
	f.Fleet.Dial = func(_ context.Context, n inventory.Node) (node.Host, error) {
		machine := f.Nodes[n.Name]
		f.mu.Lock()
		defer f.mu.Unlock()
		f.Dialed[n.Name]++
		if machine.Dial != nil {
			if err := machine.Dial(f.Dialed[n.Name]); err != nil {
				return nil, err
			}
		}
		f.open++
		return &Host{Node: machine}, nil
	}
	return f
}

// Log is what the nodes were asked until now.
func (f *Machines) Log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// Times says how often something was asked.
func (f *Machines) Times(what string) int {
	n := 0
	for _, asked := range f.Log() {
		if asked == what {
			n++
		}
	}
	return n
}

// Asked is the request of a script that was run last.
func Asked[R any](f *Machines, what string) R {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.given[what]
	if !ok { // it was never asked
		var none R
		return none
	}
	return nodetest.As[R](s)
}

// Given is the script of that name that a node was given last, as in
// "node-3 doctor".
func (f *Machines) Given(what string) (remote.Script, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.given[what]
	return s, ok
}

// Locked changes nodes that others may be looking at.
func (f *Machines) Locked(change func()) func() {
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		change()
	}
}

// Change makes haproxy.cfg differ on these nodes; without any, on all.
func (f *Machines) Change(names ...string) {
	for _, n := range f.Fleet.Cluster.Nodes {
		if len(names) == 0 || slices.Contains(names, n.Name) {
			plantest.Edit(f.Nodes[n.Name].Facts, render.HAProxyPath, "leastconn", "roundrobin")
		}
	}
}

// Ends fails the test unless all connections were closed.
func (f *Machines) Ends() {
	f.T.Helper()
	f.Fleet.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	Same(f.T, "open connections", f.open, 0)
}

// Holds is whether the node has the VIP now; others may be moving it.
func (n *Node) Holds(vip netip.Addr) bool {
	n.Machines.mu.Lock()
	defer n.Machines.mu.Unlock()
	return n.Facts.Holds(vip)
}
