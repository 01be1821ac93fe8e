package fleettest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
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

// Say reports a record, as a script does.
type Say func(key string, fields ...string)

// All reports several.
func (s Say) All(records []remote.Record) {
	for _, r := range records {
		s(r.Key, r.Fields...)
	}
}

// Step is what a node does with a script.
type Step func(ctx context.Context, s remote.Script, say Say) error

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

// Host is a connection to a node.
type Host struct {
	*Node
	once sync.Once
	Gone bool // the connection is lost
}

// ErrLost is what a connection that was lost says.
var ErrLost = &remote.Error{Host: "node", Err: remote.ErrConnectionLost}

// Name is that of the node.
func (h *Host) Name() string { return h.ID }

// Close ends the connection.
func (h *Host) Close() error {
	h.once.Do(func() {
		h.Machines.mu.Lock()
		defer h.Machines.mu.Unlock()
		h.Machines.open--
	})
	return nil
}

// Run has the node do what On says, or what a node without trouble says.
func (h *Host) Run(ctx context.Context, s remote.Script, each func(remote.Record) error) error {
	name := s.Name
	what := h.ID + " " + name
	h.Machines.mu.Lock()
	h.Machines.given[what] = s
	gone := h.Gone
	if !slices.Contains(quietScripts, name) {
		h.Machines.asked = append(h.Machines.asked, what)
	}
	h.Machines.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return &remote.Error{Host: h.ID, Err: fmt.Errorf("interrupted: %w", err)}
	}
	if gone {
		return ErrLost
	}
	var failed error
	say := func(key string, fields ...string) {
		if each != nil && failed == nil {
			failed = each(nodetest.Record(key, fields...))
		}
	}
	do := h.On[name]
	if do == nil {
		do = h.Default(name)
	}
	return errors.Join(do(ctx, s, say), failed)
}

// Lose makes this connection useless, as a cable that was pulled does.
func (h *Host) Lose() {
	h.Machines.mu.Lock()
	defer h.Machines.mu.Unlock()
	h.Gone = true
}

// Default is what a node without trouble does with a program.
func (n *Node) Default(name string) Step {
	switch name {
	case "inspect":
		return func(_ context.Context, _ remote.Script, say Say) error {
			n.Machines.mu.Lock()
			seen := nodetest.Inspection(n.Facts)
			n.Machines.mu.Unlock()
			say.All(seen)
			return nil
		}
	case "lock":
		return func(_ context.Context, _ remote.Script, say Say) error { say("locked"); return nil }
	case "generations":
		return n.generations
	}
	return func(_ context.Context, _ remote.Script, say Say) error { say("done"); return nil }
}

func (n *Node) generations(_ context.Context, s remote.Script, say Say) error {
	q, one := nodetest.Request(s).(nodetest.SnapshotRequest)
	var list []node.Generation
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(n.Saved))) {
		number, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		list = append(list, node.Generation{Number: number, Time: "2026-11-20T20:00:00Z", About: "ann, cluster home", Current: name == n.Facts.Generation()})
	}
	say.All(nodetest.Generations(list))
	if !one {
		return nil
	}
	kept, ok := n.Saved[strconv.Itoa(q.Generation)]
	if !ok {
		say("refused", "there is no generation "+strconv.Itoa(q.Generation))
		return &remote.ScriptError{Host: n.ID, Script: s.Name, Code: 1}
	}
	say.All(nodetest.Snapshot(kept))
	return nil
}

// Save keeps the state that facts describe as a generation.
func (n *Node) Save(number string, f *node.Facts) *node.Snapshot {
	s := plantest.Snapshot(f)
	n.Saved[number] = s
	return s
}

// DialContext reaches the node's own apiserver and its etcd.
func (h *Host) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	for _, n := range h.Machines.Fleet.Everyone() {
		if address == h.Machines.Fleet.Cluster.APIServerAddress(n).String() && !h.Machines.Nodes[n.Name].Down.Load() {
			return h.Machines.Nodes[n.Name].apiserver(), nil
		}
	}
	if address == netip.AddrPortFrom(h.Machines.Fleet.Cluster.VIP, h.Machines.Fleet.Cluster.Port).String() && !h.Machines.VIP.Down.Load() {
		return h.Machines.behind().apiserver(), nil
	}
	if b := h.Machines.Fleet.Cluster.WorkerBalancer; b != nil && address == b.Address().String() && h.Machines.Local != nil {
		if h.NoForwarding {
			return nil, &remote.Error{Host: h.ID, Err: remote.ErrForwarding}
		}
		if !h.Machines.Local.Down.Load() {
			return h.Machines.Local.apiserver(), nil
		}
	}
	if address == "127.0.0.1:2381" && h.EtcdHealth != "" {
		here, there := net.Pipe()
		go answerOne(there, there, Always(200, h.EtcdHealth))
		return here, nil
	}
	if address == "127.0.0.1:10248" && h.Kubelet != nil {
		here, there := net.Pipe()
		go answerOne(there, there, h.Kubelet)
		return here, nil
	}
	return nil, &remote.Error{Host: h.ID, Err: remote.ErrForwardFailed}
}

// behind is who gets the next connection to the VIP.
func (f *Machines) behind() *Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.Turns) == 0 {
		return f.VIP
	}
	next := f.Turns[0]
	f.Turns = append(f.Turns[1:], next)
	return next
}

// apiserver answers one question over TLS.
func (n *Node) apiserver() net.Conn {
	here, there := net.Pipe()
	status := 200
	if n.Ready != nil {
		status = n.Ready()
	}
	answer := Always(status, "ok")
	if n.Machines != nil && n.Machines.API != nil {
		answer = func(r *http.Request) (int, string) {
			if strings.HasPrefix(r.URL.Path, "/api/") {
				return n.Machines.API(r)
			}
			return status, "ok"
		}
	}
	go answerOne(there, tls.Server(there, &tls.Config{Certificates: []tls.Certificate{n.Certificate}, MinVersion: tls.VersionTLS12}), answer)
	return here
}

// answerOne closes the pipe itself: over one, two sides of TLS would wait for
// each other's end.
func answerOne(pipe io.Closer, c io.ReadWriter, answer func(*http.Request) (int, string)) {
	defer pipe.Close() //nolint:errcheck // a test's connection
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	status, body := answer(request)
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), len(body), body)
}

// Always is an apiserver, or another server, that gives one answer.
func Always(status int, body string) func(*http.Request) (int, string) {
	return func(*http.Request) (int, string) { return status, body }
}

// Refuses is a node that does not want to: a script that says so and ends.
func Refuses(what string) Step {
	return func(_ context.Context, s remote.Script, say Say) error {
		say("refused", what)
		return &remote.ScriptError{Host: "node", Script: s.Name, Code: 1}
	}
}

// Fails ends a script with an error and says nothing.
func Fails(err error) Step {
	return func(context.Context, remote.Script, Say) error { return err }
}
