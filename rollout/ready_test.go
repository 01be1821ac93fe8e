package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/kplb/kplb/fleet/fleettest"
	"github.com/kplb/kplb/node"
)

// TestQuorate asks over the connections of the fleet, and knows which nodes are
// left out. What is a quorum is apiserver's to say.
func TestQuorate(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		name   string
		change func(*fleettest.Live)
		says   string
	}{
		{"all are ready", func(*fleettest.Live) {}, ""},
		{
			"another is not ready", func(l *fleettest.Live) { l.Answers["node-3"] = respond(500, "") },
			"node-1: its apiserver is not restarted while the one of node-3 is not ready: answers 500 Internal Server Error",
		},
		{
			"a node is left out", func(l *fleettest.Live) { delete(l.Facts, "node-3") },
			"node-1: its apiserver is not restarted: 1 other apiservers would be left, fewer than the majority of 2",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := fleettest.GoLive(t, fmt.Sprintf("127.1.%d", i))
			c.change(l)
			hosts := map[string]node.Host{}
			for _, n := range l.Cluster.Nodes {
				hosts[n.Name] = way{}
			}
			fleettest.Know(t, l.Fleet, l.Facts, hosts)
			says(t, quorate(t.Context(), l.Fleet, l.Cluster.Nodes[0]), c.says)
		})
	}
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
	says(t, awaitReady(t.Context(), l.Fleet, n, silently), "")
	same(t, "questions", len(asked), 2)

	l.Answers[n.Name] = respond(500, "")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := awaitReady(ctx, l.Fleet, n, silently); !errors.Is(err, context.Canceled) {
		t.Errorf("says %v", err)
	}
	// what no waiting mends is said at once
	l.Cluster.Nodes[1].Address = netip.MustParseAddr("127.2.1.7")
	l.Cluster.Port = apiserverAt(t, "127.2.1.7:0", authority.Certificate(t, farAhead, []string{"kubernetes"}), says200).Port()
	says(t, awaitReady(t.Context(), l.Fleet, l.Cluster.Nodes[1], silently), "node-2: the apiserver's certificate is not for 127.2.1.7: it names kubernetes")
}
