package fleet_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/kplb/kplb/fleet"
	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

// TestDropLost: only connections that are of no use any more are made anew.
func TestDropLost(t *testing.T) {
	lost := &remote.Error{Host: "node-1", Err: fmt.Errorf("%w: EOF", remote.ErrConnectionLost)}
	closed := &remote.Error{Host: "node-2", Err: remote.ErrClosed}
	slow := &remote.Error{Host: "node-3", Err: remote.ErrTimeout}
	for _, c := range []struct {
		name string
		err  error
		lost []string
	}{
		{"nothing", nil, nil},
		{"no error of nodes", lost, nil},
		{"lost, closed and slow", fleet.NodeErrors{"node-1": lost, "node-2": closed, "node-3": slow}, []string{"node-1", "node-2"}},
		{"wrapped", fmt.Errorf("looking: %w", fleet.NodeErrors{"node-2": closed}), []string{"node-2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fleettest.InBubble(t, func(t *testing.T) {
				f := fleettest.New(t, fleettest.Applied)
				if _, err := f.Fleet.Inspect(t.Context(), fleet.Inspection{}); err != nil {
					t.Fatal(err)
				}
				f.Fleet.DropLost(c.err)
				for _, n := range f.Fleet.Cluster.Nodes {
					gone := slices.Contains(c.lost, n.Name)
					fleettest.Same(t, n.Name+" is gone", f.Fleet.Connection(n) == nil, gone)
					if _, err := f.Fleet.Connect(t.Context(), n); err != nil {
						t.Error(err)
					}
					fleettest.Same(t, "connections to "+n.Name, f.Dialed[n.Name], map[bool]int{true: 2, false: 1}[gone])
				}
				f.Ends()
			})
		})
	}
}

// TestDialsFromHere: without a network of its own a fleet has this machine's.
func TestDialsFromHere(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test's listener
	control, err := fleettest.New(t, fleettest.Applied).Fleet.ControlPlane()
	if err != nil {
		t.Fatal(err)
	}
	c, err := control.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoRoute: an error of a host's says that the host has no way; any other comes
// from the end of the way.
func TestNoRoute(t *testing.T) {
	t.Parallel()
	control, err := fleettest.New(t, fleettest.Applied).Fleet.ControlPlane()
	if err != nil {
		t.Fatal(err)
	}
	fleettest.Same(t, "of a host", control.NoRoute(fmt.Errorf("x: %w", &remote.Error{Host: "node-1", Err: remote.ErrForwardFailed})), true)
	fleettest.Same(t, "of an apiserver", control.NoRoute(errors.New("certificate has expired")), false)
}

// TestConnectFails keeps no connection, and the step is over.
func TestConnectFails(t *testing.T) {
	fleettest.InBubble(t, func(t *testing.T) {
		f := fleettest.New(t, fleettest.Applied)
		var told fleettest.Told
		f.Fleet.OnEvent = told.Take
		off := errors.New("off")
		f.Nodes["node-2"].Dial = func(n int) error { return map[bool]error{true: off}[n == 1] }
		n := f.Fleet.Cluster.Nodes[1]
		h, err := f.Fleet.Connect(t.Context(), n)
		if h != nil || !errors.Is(err, off) {
			t.Errorf("%v, %v", h, err)
		}
		fleettest.Same(t, "steps at work", len(told.AtWork()), 0)
		if h, err = f.Fleet.Connect(t.Context(), n); h == nil || err != nil {
			t.Errorf("the second time: %v, %v", h, err)
		}
		f.Ends()
	})
}

// TestEach works on all nodes, and its error has a line for each that failed, in
// order.
func TestEach(t *testing.T) {
	t.Parallel()
	nodes := []inventory.Node{{Name: "c"}, {Name: "a"}, {Name: "b"}}
	full := errors.New("b: is full")
	done := make(chan string, len(nodes))
	err := fleet.Each(nodes, func(n inventory.Node) error {
		done <- n.Name
		switch n.Name {
		case "b":
			return full
		case "c":
			return errors.New("c: is off")
		}
		return nil
	})
	fleettest.Says(t, err, "b: is full\nc: is off")
	fleettest.Same(t, "nodes", len(done), 3)
	var failed fleet.NodeErrors
	fleettest.Same(t, "is a NodeErrors", errors.As(err, &failed) && len(failed) == 2, true)
	fleettest.Same(t, "has its errors", errors.Is(err, full), true)
	fleettest.Says(t, fleet.Each(nodes, func(inventory.Node) error { return nil }), "")
}
