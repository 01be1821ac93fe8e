package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/node"
)

// TestQuorate asks whether node 1's apiserver may restart.
func TestQuorate(t *testing.T) {
	t.Parallel()
	const healthy, sick = `{"health":"true","reason":""}`, `{"health":"false","reason":"NO LEADER"}`
	three := map[string]string{"node-1": healthy, "node-2": healthy, "node-3": healthy}
	with := func(changes map[string]string) map[string]string {
		out := maps.Clone(three)
		maps.Copy(out, changes)
		return out
	}
	few := func(n int, sick string) string {
		return fmt.Sprintf("node-1: its apiserver is not restarted: etcd has %d healthy members, fewer than the majority of 2; not healthy: %s", n, sick)
	}
	cases := []struct {
		name   string
		sick   map[string]int // apiservers, by node: the status they answer
		absent []string
		etcd   map[string]string // nil: no node has one
		says   string
	}{
		{name: "all are ready, etcd is elsewhere"},
		{name: "all are ready", etcd: three},
		{name: "the node itself may be sick: it is mended", sick: map[string]int{"node-1": 500}, etcd: three},
		{
			name: "another is not ready", sick: map[string]int{"node-3": 500}, etcd: three,
			says: "node-1: its apiserver is not restarted while the one of node-3 is not ready: answers 500 Internal Server Error",
		},
		{
			name: "others do not answer strangers", sick: map[string]int{"node-2": 401, "node-3": 401},
			says: "node-1: its apiserver is not restarted while the one of node-2 is not ready: answers 401 Unauthorized",
		},
		{
			name: "a node is left out: one other is no majority", absent: []string{"node-3"}, etcd: three,
			says: "node-1: its apiserver is not restarted: 1 other apiservers would be left, fewer than the majority of 2",
		},
		{name: "one etcd is sick", etcd: with(map[string]string{"node-2": sick})},
		{name: "two are sick", etcd: with(map[string]string{"node-2": sick, "node-3": `{"health":true}`}), says: few(1, "[node-2 node-3]")},
		{name: "garbage is not healthy", etcd: with(map[string]string{"node-1": "true", "node-3": ""}), says: few(1, "[node-1 node-3]")},
		{name: "one is left of three", etcd: map[string]string{"node-1": healthy}, says: few(1, "[]")},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := fleettest.GoLive(t, fmt.Sprintf("127.1.%d", i))
			for name, status := range c.sick {
				l.Answers[name] = respond(status, "")
			}
			for _, name := range c.absent {
				delete(l.Facts, name)
			}
			hosts := map[string]node.Host{}
			for _, n := range l.Cluster.Nodes {
				hosts[n.Name] = way{}
			}
			maps.Copy(hosts, fleettest.Etcds(t, c.etcd))
			fleettest.Know(t, l.Fleet, l.Facts, hosts)
			says(t, (&Rollout{Fleet: l.Fleet}).quorate(t.Context(), l.Cluster.Nodes[0]), c.says)
		})
	}
}

// TestQuorateOfFive leaves two nodes out of five.
func TestQuorateOfFive(t *testing.T) {
	t.Parallel()
	l := fleettest.GoLive(t, "127.2.0")
	for _, name := range []string{"node-4", "node-5"} {
		l.Cluster.Nodes = append(l.Cluster.Nodes, inventory.Node{Name: name})
	}
	fleettest.Know(t, l.Fleet, l.Facts, nil)
	says(t, (&Rollout{Fleet: l.Fleet}).quorate(t.Context(), l.Cluster.Nodes[0]), "node-1: its apiserver is not restarted: 2 other apiservers would be left, fewer than the majority of 3")
	l.Cluster.Nodes = slices.Delete(l.Cluster.Nodes, 3, 4)
	says(t, (&Rollout{Fleet: l.Fleet}).quorate(t.Context(), l.Cluster.Nodes[0]), "node-1: its apiserver is not restarted: 2 other apiservers would be left, fewer than the majority of 3")
}

func TestAwaitReady(t *testing.T) {
	t.Parallel()
	l := fleettest.GoLive(t, "127.2.1")
	n := l.Cluster.Nodes[1]
	asked := make(chan int, 10)
	l.Answers[n.Name] = func(w http.ResponseWriter, _ *http.Request) {
		asked <- 0
		status := 200
		if len(asked) < 2 {
			status = 500
		}
		respond(status, "ok")(w, nil)
	}
	says(t, (&Rollout{Fleet: l.Fleet}).awaitReady(t.Context(), n, silently), "")
	same(t, "questions", len(asked), 2)

	l.Answers[n.Name] = respond(500, "")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := (&Rollout{Fleet: l.Fleet}).awaitReady(ctx, n, silently); !errors.Is(err, context.Canceled) {
		t.Errorf("says %v", err)
	}
	// what no waiting mends is said at once
	l.Cluster.Nodes[1].Address = netip.MustParseAddr("127.2.1.7")
	l.Cluster.Port = apiserverAt(t, "127.2.1.7:0", authority.Certificate(t, farAhead, []string{"kubernetes"}), says200).Port()
	says(t, (&Rollout{Fleet: l.Fleet}).awaitReady(t.Context(), l.Cluster.Nodes[1], silently), "node-2: the apiserver's certificate is not for 127.2.1.7: it names kubernetes")
}
