package apiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/inventory"
)

// errNoRoute is what a node's DialFunc says that cannot connect.
var errNoRoute = errors.New("the node could not connect")

// routes is a node that connects to where it says, and nowhere else.
type routes map[string]netip.AddrPort

func (r routes) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if to, ok := r[address]; ok {
		return (&net.Dialer{}).DialContext(ctx, network, to.String())
	}
	return nil, errNoRoute
}

// through is a cluster of one node; nil: there is no connection to it.
func through(node DialFunc) *ControlPlane {
	p := &ControlPlane{
		EtcdHealthURL: "http://127.0.0.1:2381/health",
		Cluster:       &inventory.Cluster{Nodes: []inventory.Node{{Name: "node-1"}}}, CA: authority.Pool(), Dial: (&net.Dialer{}).DialContext,
		Through: map[string]DialFunc{}, NoRoute: func(err error) bool { return errors.Is(err, errNoRoute) },
	}
	if node != nil {
		p.Through["node-1"] = node
	}
	return p
}

// TestReach asks from here, and where there is no way, from the node.
func TestReach(t *testing.T) {
	t.Parallel()
	nobody := apiservertest.Closed(t, "127.0.3.2")
	host := nobody.Addr().String()
	refused := "dial tcp " + nobody.String() + ": connect: connection refused"
	server := func(cert tls.Certificate, h http.HandlerFunc) DialFunc {
		return routes{nobody.String(): apiservertest.Serve(t, "127.0.0.1:0", cert, h)}.dial
	}
	good := authority.Certificate(t, apiservertest.FarAhead, nil, host)
	cases := []struct {
		name string
		node DialFunc
		says string
	}{
		{"no connection to the node", nil, refused},
		{"the node has no way either", routes{}.dial, refused},
		{"the node has one", server(good, apiservertest.OK), ""},
		{"the node has one, and the answer is no", server(good, apiservertest.Respond(403, "")), "answers 403 Forbidden"},
		{"the node has one, and the SAN is missing", server(authority.Certificate(t, apiservertest.FarAhead, []string{"kubernetes"}), apiservertest.OK), "the apiserver's certificate is not for " + host + ": it names kubernetes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := through(c.node)
			says(t, p.Ready(t.Context(), "node-1", nobody), c.says)
		})
	}
	// an answer from here counts, whatever the node would say
	at := apiservertest.Serve(t, "127.0.3.2:0", good, apiservertest.Respond(500, ""))
	elsewhere := routes{at.String(): apiservertest.Serve(t, "127.0.0.1:0", good, apiservertest.OK)}.dial
	says(t, through(elsewhere).Ready(t.Context(), "node-1", at), "answers 500 Internal Server Error")
}

// TestRoute: connections are made from here, and through a node only where this
// machine cannot connect and the node can.
func TestRoute(t *testing.T) {
	t.Parallel()
	nobody := apiservertest.Closed(t, "127.0.3.6")
	here := apiservertest.Serve(t, "127.0.3.6:0", authority.Certificate(t, apiservertest.FarAhead, nil), apiservertest.OK)
	refused := "dial tcp " + nobody.String() + ": connect: connection refused"
	for _, c := range []struct {
		name string
		node DialFunc
		at   netip.AddrPort
		says string
		far  bool // the way is through the node
	}{
		{"from here", routes{here.String(): here}.dial, here, "", false},
		{"no connection to a node", nil, nobody, refused, false},
		{"the node cannot connect", routes{}.dial, nobody, refused, false},
		{"the node can", routes{nobody.String(): here}.dial, nobody, "", true},
	} {
		dial, err := through(c.node).Route(t.Context(), c.at)
		says(t, err, c.says)
		conn, err := dial(t.Context(), "tcp", c.at.String())
		same(t, c.name, err == nil, c.says == "")
		if err == nil {
			same(t, c.name+": to", conn.RemoteAddr().String(), here.String())
			_ = conn.Close()
		}
		same(t, c.name+": through the node", c.far, c.says == "" && c.at == nobody)
	}
}

// TestTryStopsAtTheFirstPath that is not answered well.
func TestTryStopsAtTheFirstPath(t *testing.T) {
	t.Parallel()
	const host = "127.0.3.7"
	cert := authority.Certificate(t, apiservertest.FarAhead, nil, host)
	asked := make(chan string, 10)
	at := apiservertest.Serve(t, host+":0", cert, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		status := http.StatusOK
		if r.URL.Path == "/livez" {
			status = http.StatusInternalServerError
		}
		apiservertest.Respond(status, "ok")(w, r)
	})
	nobody := apiservertest.Closed(t, host)
	got := through(nil).Try(t.Context(), (&net.Dialer{}).DialContext, []netip.AddrPort{at, nobody})
	says(t, got[0].Err, "/livez: answers 500 Internal Server Error")
	same(t, "questions", len(asked), 2)
	says(t, got[1].Err, "/healthz: dial tcp "+nobody.String()+": connect: connection refused")
	same(t, "blocked", [2]bool{got[0].Blocked(), got[1].Blocked()}, [2]bool{false, true})
}

// TestAnonymousRefusals: what apiservers answer without credentials is known when
// one has answered, and only 401 and 403 are refusals.
func TestAnonymousRefusals(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		statuses []int // by node; 0: it does not answer
		refusals []int
		known    bool
	}{
		{[]int{200, 200, 200}, nil, true},
		{[]int{403, 401, 401}, []int{401, 403}, true},
		{[]int{500, 0, 200}, nil, true},
		{[]int{0, 0, 0}, nil, false},
	} {
		l := goLive(t, fmt.Sprintf("127.3.%d", i))
		l.Credentials = func(context.Context) (*tls.Certificate, error) {
			t.Error("credentials are read")
			return nil, errors.New("none")
		}
		for j, status := range c.statuses {
			n := &l.Cluster.Nodes[j]
			l.answers[n.Name] = apiservertest.Respond(status, "ok")
			if status == 0 {
				n.Address = netip.MustParseAddr("127.3.9.9") // nobody is there
			}
		}
		refusals, known := l.AnonymousRefusals(t.Context())
		same(t, fmt.Sprint(c.statuses), refusals, c.refusals)
		same(t, fmt.Sprint(c.statuses, " is known"), known, c.known)
	}
}
