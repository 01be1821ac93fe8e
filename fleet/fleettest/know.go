package fleettest

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/node/nodetest"
	"github.com/kplb/kplb/remote"
)

// Know has a fleet find these facts on its nodes, and returns those that it keeps:
// a change of them is a change of what it knows. Nodes without facts cannot be
// reached, and are left out. The connections to hosts stay; there are no others.
func Know(t testing.TB, f *fleet.Fleet, facts map[string]*node.Facts, hosts map[string]node.Host) map[string]*node.Facts {
	t.Helper()
	dial, allow := f.Dial, f.AllowUnreachable
	f.AllowUnreachable = true
	f.Dial = func(_ context.Context, n inventory.Node) (node.Host, error) {
		if facts[n.Name] == nil {
			return nil, &remote.Error{Host: n.Name, Err: remote.ErrUnreachable}
		}
		return &knownHost{Host: hosts[n.Name], facts: facts[n.Name]}, nil
	}
	found, err := f.Inspect(t.Context(), fleet.Inspection{Unmanaged: true, VRRP: true, Sysctls: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range f.Cluster.Nodes {
		if hosts[n.Name] == nil {
			f.Drop(n)
		}
	}
	f.Dial, f.AllowUnreachable = dial, allow
	return found
}

// knownHost is inspected as facts say, and is another host otherwise.
type knownHost struct {
	node.Host
	facts *node.Facts
}

func (h *knownHost) Name() string { return "node-1" }

func (h *knownHost) Run(ctx context.Context, s remote.Script, each func(remote.Record) error) error {
	if s.Name != "inspect" {
		return h.Host.Run(ctx, s, each)
	}
	for _, r := range nodetest.Inspection(h.facts) {
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

func (h *knownHost) Close() error { return nil }

// Way is a Host that only connects: to where Routes says, and nowhere else.
type Way struct {
	node.Host
	Routes map[string]netip.AddrPort
}

// DialContext connects over the network of the test.
func (w Way) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if to, ok := w.Routes[address]; ok {
		return (&net.Dialer{}).DialContext(ctx, network, to.String())
	}
	return nil, &remote.Error{Host: "node-1", Err: remote.ErrForwardFailed}
}

// Run has no credentials to give.
func (w Way) Run(context.Context, remote.Script, func(remote.Record) error) error {
	return &remote.Error{Host: "node-1", Err: remote.ErrTimeout}
}

// Close has nothing to end.
func (w Way) Close() error { return nil }
