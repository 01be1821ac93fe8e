package apiserver

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/inventory"
)

// live is a cluster on loopback addresses whose apiservers are real TLS servers;
// by default they say ok.
type live struct {
	*ControlPlane
	answers map[string]http.HandlerFunc // by node
}

// goLive finds a port that is free on all addresses, and listens there.
func goLive(t testing.TB, subnet string) *live {
	t.Helper()
	l := &live{through(nil), map[string]http.HandlerFunc{}}
	l.Cluster.Nodes = nil
	for i := range 3 {
		name, address := fmt.Sprintf("node-%d", i+1), fmt.Sprintf("%s.%d", subnet, i+1)
		l.Cluster.Nodes = append(l.Cluster.Nodes, inventory.Node{Name: name, Address: netip.MustParseAddr(address)})
		l.answers[name] = apiservertest.OK
		cert := authority.Certificate(t, apiservertest.FarAhead, []string{SharedName}, address)
		at := apiservertest.Serve(t, fmt.Sprintf("%s:%d", address, l.Cluster.Port), cert, func(w http.ResponseWriter, r *http.Request) { l.answers[name](w, r) })
		l.Cluster.Port = at.Port()
	}
	return l
}

// etcds answers /health for the nodes' own etcds.
func etcds(t testing.TB, health map[string]string) map[string]DialFunc {
	t.Helper()
	out := map[string]DialFunc{}
	for name, says := range health {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" || r.Host != "127.0.0.1:2381" {
				t.Errorf("asked for %s of %s", r.URL, r.Host)
			}
			_, _ = w.Write([]byte(says))
		}), ReadHeaderTimeout: time.Minute, ErrorLog: apiservertest.Quiet}
		go s.Serve(l) //nolint:errcheck // it is closed
		t.Cleanup(func() { _ = s.Close() })
		out[name] = routes{"127.0.0.1:2381": netip.MustParseAddrPort(l.Addr().String())}.dial
	}
	return out
}

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
			l := goLive(t, fmt.Sprintf("127.4.%d", i))
			for name, status := range c.sick {
				l.answers[name] = apiservertest.Respond(status, "")
			}
			l.Absent = map[string]bool{}
			for _, name := range c.absent {
				l.Absent[name] = true
			}
			for _, n := range l.Cluster.Nodes {
				l.Through[n.Name] = routes{}.dial
			}
			maps.Copy(l.Through, etcds(t, c.etcd))
			if len(c.absent) == 0 {
				l.Absent = nil
			}
			says(t, l.Quorate(t.Context(), l.Cluster.Nodes[0]), c.says)
		})
	}
}

// TestQuorateOfFive leaves two nodes out of five.
func TestQuorateOfFive(t *testing.T) {
	t.Parallel()
	l := goLive(t, "127.5.0")
	for _, name := range []string{"node-4", "node-5"} {
		l.Cluster.Nodes = append(l.Cluster.Nodes, inventory.Node{Name: name})
	}
	l.Absent = map[string]bool{"node-4": true, "node-5": true}
	says(t, l.Quorate(t.Context(), l.Cluster.Nodes[0]), "node-1: its apiserver is not restarted: 2 other apiservers would be left, fewer than the majority of 3")
	l.Absent = map[string]bool{"node-5": true}
	l.Cluster.Nodes = slices.Delete(l.Cluster.Nodes, 3, 4)
	says(t, l.Quorate(t.Context(), l.Cluster.Nodes[0]), "node-1: its apiserver is not restarted: 2 other apiservers would be left, fewer than the majority of 3")
}

// TestQuorateWithoutAWorker: a worker that is left out is no apiserver less.
func TestQuorateWithoutAWorker(t *testing.T) {
	t.Parallel()
	l := goLive(t, "127.5.1")
	l.Absent = map[string]bool{"worker-1": true}
	for _, nodes := range []int{2, 1} {
		l.Cluster.Nodes = l.Cluster.Nodes[:nodes]
		says(t, l.Quorate(t.Context(), l.Cluster.Nodes[0]), "")
	}
}

// TestEtcdHealthUnknown: where there is no connection to the node, or no etcd,
// nothing is known.
func TestEtcdHealthUnknown(t *testing.T) {
	t.Parallel()
	for _, node := range []DialFunc{nil, routes{}.dial} {
		known, healthy := through(node).EtcdHealth(t.Context(), "node-1")
		same(t, "known, healthy", [2]bool{known, healthy}, [2]bool{false, false})
	}
}
