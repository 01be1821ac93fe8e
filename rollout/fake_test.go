package rollout

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

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/plan/plantest"
	"github.com/kplb/kplb/remote"
)

// say reports a record, as a script does.
type say func(key string, fields ...string)

// all reports several.
func (s say) all(records []remote.Record) {
	for _, r := range records {
		s(r.Key, r.Fields...)
	}
}

// step is what a node does with a script.
type step func(ctx context.Context, s remote.Script, say say) error

// fleet is a cluster of nodes that only answer: what they are asked is
// written down, in order. Nobody listens on their addresses, so an apiserver
// is reached through its node.
type fleet struct {
	*Rollout
	t     testing.TB
	nodes map[string]*fakeNode
	vip   *fakeNode                         // who answers there
	local *fakeNode                         // who answers through the balancers of workers; nil: nobody
	turns []*fakeNode                       // in its place, one after the other
	api   func(*http.Request) (int, string) // below /api/; nil: there is nothing

	mu     sync.Mutex
	asked  []string                 // "node-1 transact": every script but those of quiet
	given  map[string]remote.Script // the last ones
	dialed map[string]int
	open   int // connections
}

// fakeNode is one of them.
type fakeNode struct {
	name   string
	fleet  *fleet
	facts  *node.Facts
	saved  map[string]*node.Snapshot // generations, by number
	on     map[string]step           // by Script.Name; see script.go
	dial   func(n int) error         // the n-th connection; nil: all work
	cert   tls.Certificate
	ready  func() int  // the status of /readyz; nil: 200
	down   atomic.Bool // nothing listens where its apiserver should
	health string      // of its etcd; empty: nothing listens

	kubelet func(*http.Request) (int, string) // at its healthzPort; nil: nothing listens

	noForwarding bool // by its sshd, to a balancer
}

// quietScripts are asked at times that do not matter.
var quietScripts = []string{"inspect", "doctor", "lock", "release", "hello", "renew", "drain"}

// newFleet has nodes with the facts that of makes.
func newFleet(t testing.TB, of func(testing.TB, *Rollout, inventory.Node) *node.Facts) *fleet {
	t.Helper()
	f := &fleet{Rollout: rolloutOf(t, home), t: t, nodes: map[string]*fakeNode{}, given: map[string]remote.Script{}, dialed: map[string]int{}}
	f.Cluster.Port = 1 // tcpmux: refused at once
	f.Cluster.VIP = netip.MustParseAddr("127.9.1.9")
	f.Cluster.VIPs = []netip.Addr{f.Cluster.VIP}
	for i := range f.Cluster.Nodes {
		f.Cluster.Nodes[i].Address = netip.MustParseAddr(fmt.Sprintf("127.9.1.%d", i+1))
	}
	for _, n := range f.Cluster.Nodes {
		f.nodes[n.Name] = &fakeNode{
			name: n.Name, fleet: f, facts: of(t, f.Rollout, n), on: map[string]step{}, saved: map[string]*node.Snapshot{},
			cert: authority.certificate(t, farAhead, nil, n.Address.String()),
		}
	}
	f.vip = &fakeNode{cert: authority.certificate(t, farAhead, nil, "127.9.1.9")}
	f.Operator = "ann@desk, pid 7"
	f.Dial = func(_ context.Context, n inventory.Node) (node.Host, error) {
		member := f.nodes[n.Name]
		f.mu.Lock()
		defer f.mu.Unlock()
		f.dialed[n.Name]++
		if member.dial != nil {
			if err := member.dial(f.dialed[n.Name]); err != nil {
				return nil, err
			}
		}
		f.open++
		return &fakeHost{fakeNode: member}, nil
	}
	return f
}

// log is what the nodes were asked until now.
func (f *fleet) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// times says how often something was asked.
func (f *fleet) times(what string) int {
	n := 0
	for _, asked := range f.log() {
		if asked == what {
			n++
		}
	}
	return n
}

// asked is the request of a script that was run last.
func asked[R any](f *fleet, what string) R {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.given[what]
	if !ok { // it was never asked
		var none R
		return none
	}
	return nodetest.As[R](s)
}

// locked changes nodes that others may be looking at.
func (f *fleet) locked(change func(*fleet)) func() {
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		change(f)
	}
}

// holds is whether the node has the VIP now; others may be moving it.
func (n *fakeNode) holds(vip netip.Addr) bool {
	n.fleet.mu.Lock()
	defer n.fleet.mu.Unlock()
	return n.facts.Holds(vip)
}

// fakeHost is a connection to a node.
type fakeHost struct {
	*fakeNode
	once sync.Once
	gone bool
}

var errGone = &remote.Error{Host: "node", Err: remote.ErrConnectionLost}

func (h *fakeHost) Name() string { return h.name }

func (h *fakeHost) Close() error {
	h.once.Do(func() {
		h.fleet.mu.Lock()
		defer h.fleet.mu.Unlock()
		h.fleet.open--
	})
	return nil
}

func (h *fakeHost) Run(ctx context.Context, s remote.Script, each func(remote.Record) error) error {
	name := s.Name
	what := h.name + " " + name
	h.fleet.mu.Lock()
	h.fleet.given[what] = s
	gone := h.gone
	if !slices.Contains(quietScripts, name) {
		h.fleet.asked = append(h.fleet.asked, what)
	}
	h.fleet.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return &remote.Error{Host: h.name, Err: fmt.Errorf("interrupted: %w", err)}
	}
	if gone {
		return errGone
	}
	var failed error
	say := func(key string, fields ...string) {
		if each != nil && failed == nil {
			failed = each(record(key, fields...))
		}
	}
	do := h.on[name]
	if do == nil {
		do = h.byDefault(name)
	}
	return errors.Join(do(ctx, s, say), failed)
}

// lose makes this connection useless, as a cable that was pulled does.
func (h *fakeHost) lose() {
	h.fleet.mu.Lock()
	defer h.fleet.mu.Unlock()
	h.gone = true
}

func (n *fakeNode) byDefault(name string) step {
	switch name {
	case "inspect":
		return func(_ context.Context, _ remote.Script, say say) error {
			n.fleet.mu.Lock()
			seen := nodetest.Inspection(n.facts)
			n.fleet.mu.Unlock()
			for _, r := range seen {
				say(r.Key, r.Fields...)
			}
			return nil
		}
	case "lock":
		return func(_ context.Context, _ remote.Script, say say) error { say("locked"); return nil }
	case "generations":
		return n.generations
	}
	return func(_ context.Context, _ remote.Script, say say) error { say("done"); return nil }
}

func (n *fakeNode) generations(_ context.Context, s remote.Script, say say) error {
	q, one := nodetest.Request(s).(nodetest.SnapshotRequest)
	var list []node.Generation
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(n.saved))) {
		number, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		list = append(list, node.Generation{Number: number, Time: "2026-11-20T20:00:00Z", About: "ann, cluster home", Current: name == n.facts.Generation()})
	}
	say.all(nodetest.Generations(list))
	if !one {
		return nil
	}
	kept, ok := n.saved[strconv.Itoa(q.Generation)]
	if !ok {
		say("refused", "there is no generation "+strconv.Itoa(q.Generation))
		return &remote.ScriptError{Host: n.name, Script: s.Name, Code: 1}
	}
	say.all(nodetest.Snapshot(kept))
	return nil
}

// save keeps the state that facts describe as a generation.
func (n *fakeNode) save(number string, f *node.Facts) *node.Snapshot {
	s := plantest.Snapshot(f)
	n.saved[number] = s
	return s
}

// DialContext reaches the node's own apiserver and its etcd.
func (h *fakeHost) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	for _, n := range h.fleet.everyone() {
		if address == apiserverOf(h.fleet.Cluster, n).String() && !h.fleet.nodes[n.Name].down.Load() {
			return h.fleet.nodes[n.Name].apiserver(), nil
		}
	}
	if address == netip.AddrPortFrom(h.fleet.Cluster.VIP, h.fleet.Cluster.Port).String() && !h.fleet.vip.down.Load() {
		return h.fleet.behind().apiserver(), nil
	}
	if b := h.fleet.Cluster.WorkerBalancer; b != nil && address == b.Address().String() && h.fleet.local != nil {
		if h.noForwarding {
			return nil, &remote.Error{Host: h.name, Err: remote.ErrForwarding}
		}
		if !h.fleet.local.down.Load() {
			return h.fleet.local.apiserver(), nil
		}
	}
	if address == "127.0.0.1:2381" && h.health != "" {
		here, there := net.Pipe()
		go answerOne(there, there, always(200, h.health))
		return here, nil
	}
	if address == "127.0.0.1:10248" && h.kubelet != nil {
		here, there := net.Pipe()
		go answerOne(there, there, h.kubelet)
		return here, nil
	}
	return nil, &remote.Error{Host: h.name, Err: remote.ErrForwardFailed}
}

// behind is who gets the next connection to the VIP.
func (f *fleet) behind() *fakeNode {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.turns) == 0 {
		return f.vip
	}
	next := f.turns[0]
	f.turns = append(f.turns[1:], next)
	return next
}

// apiserver answers one question over TLS.
func (n *fakeNode) apiserver() net.Conn {
	here, there := net.Pipe()
	status := 200
	if n.ready != nil {
		status = n.ready()
	}
	answer := always(status, "ok")
	if n.fleet != nil && n.fleet.api != nil {
		answer = func(r *http.Request) (int, string) {
			if strings.HasPrefix(r.URL.Path, "/api/") {
				return n.fleet.api(r)
			}
			return status, "ok"
		}
	}
	go answerOne(there, tls.Server(there, &tls.Config{Certificates: []tls.Certificate{n.cert}, MinVersion: tls.VersionTLS12}), answer)
	return here
}

// answerOne closes the pipe itself: over one, two sides of TLS would wait for
// each other's goodbye.
func answerOne(pipe io.Closer, c io.ReadWriter, answer func(*http.Request) (int, string)) {
	defer pipe.Close() //nolint:errcheck // a test's connection
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	status, body := answer(request)
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), len(body), body)
}

func always(status int, body string) func(*http.Request) (int, string) {
	return func(*http.Request) (int, string) { return status, body }
}

// refuses is a node that does not want to: a script that says so and ends.
func refuses(what string) step {
	return func(_ context.Context, s remote.Script, say say) error {
		say("refused", what)
		return &remote.ScriptError{Host: "node", Script: s.Name, Code: 1}
	}
}

// fails ends a script with an error and says nothing.
func fails(err error) step {
	return func(context.Context, remote.Script, say) error { return err }
}
