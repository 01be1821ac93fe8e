package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kplb/kplb/apiserver"
	"github.com/kplb/kplb/haproxy"
	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/kubeadm"
	"github.com/kplb/kplb/node"
	"github.com/kplb/kplb/remote"
)

// TestAnswer: a check has the hint of its error, or what helps with most others.
func TestAnswer(t *testing.T) {
	t.Parallel()
	const usual = "look at who listens there (`ss -ltnp` on the node), at its log, and for a firewall on the way"
	at := netip.MustParseAddrPort("10.1.1.1:6443")
	same(t, "ok", answer("node-1", "it answers", nil), Check{Node: "node-1", What: "it answers", OK: true, Detail: "ok, TLS verified"})
	same(t, "another error", answer("", "", errors.New("no")), Check{Detail: "no", Cure: usual})
	refused := &apiserver.StatusError{Code: 500, Path: "/readyz"}
	same(t, "a status", answer("", "", refused), Check{Detail: refused.Error(), Cure: refused.Hint()})
	for _, answers := range []bool{true, false} {
		name := &apiserver.NameError{Address: at, Answers: answers}
		same(t, "a missing SAN", answer("", "", name), Check{Detail: name.Error(), Cure: name.Hint(), MissingSAN: answers})
	}
}

// way is a Host that only connects: to where routes says, and nowhere else.
type way struct {
	node.Host
	routes map[string]netip.AddrPort
}

func (w way) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if to, ok := w.routes[address]; ok {
		return (&net.Dialer{}).DialContext(ctx, network, to.String())
	}
	return nil, &remote.Error{Host: "node-1", Err: remote.ErrForwardFailed}
}

// Run has no credentials to give.
func (w way) Run(context.Context, remote.Script, func(remote.Record) error) error {
	return &remote.Error{Host: "node-1", Err: remote.ErrTimeout}
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		differ func(map[string]*node.Facts)
		says   string
	}{
		{"the same on every node", func(map[string]*node.Facts) {}, ""},
		{"a node is left out", func(f map[string]*node.Facts) { delete(f, "node-2") }, ""},
		{"not there", func(f map[string]*node.Facts) { delete(f["node-2"].Files, kubeadm.CAPath) }, "node-2: /etc/kubernetes/pki/ca.crt is not there"},
		{"no certificate", func(f map[string]*node.Facts) { put(f["node-1"], kubeadm.CAPath, 0o644, []byte("hello")) }, "node-1: /etc/kubernetes/pki/ca.crt holds no certificate"},
		{"two clusters", func(f map[string]*node.Facts) { put(f["node-3"], kubeadm.CAPath, 0o644, stranger.pem) }, "node-3: /etc/kubernetes/pki/ca.crt differs from the other nodes': not one cluster"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := rolloutOf(t, home)
			r.facts = all(t, r, freshOf)
			c.differ(r.facts)
			_, err := r.authority()
			says(t, err, c.says)
		})
	}
}

func TestCheckHolder(t *testing.T) {
	t.Parallel()
	const firewall = "the nodes do not hear each other's VRRP adverts (IP protocol 112): look for a firewall between them"
	cases := []struct {
		holders []string
		holder  string
		want    Check
	}{
		{nil, "", Check{OK: false, Detail: "no node does", Cure: "look at `journalctl -u keepalived` on the nodes: FAULT names the reason"}},
		{[]string{"node-2"}, "node-2", Check{OK: true, Detail: "node-2"}},
		{[]string{"node-3", "node-1"}, "", Check{OK: false, Detail: "node-1, node-3", Cure: firewall}},
	}
	for _, c := range cases {
		r := rolloutOf(t, home)
		facts := all(t, r, freshOf)
		for _, h := range c.holders {
			facts[h].Addresses = append(facts[h].Addresses, address("eth0", "10.1.233.1/32"))
		}
		c.want.What = "one node holds 10.1.233.1"
		holder, check := checkHolder(r.Cluster.VIP, r.everyone(), facts)
		same(t, "holder", holder, c.holder)
		same(t, "check", check, c.want)
	}
}

func TestCheckNode(t *testing.T) {
	t.Parallel()
	const look = "look at /readyz of those apiservers, and at `journalctl -u haproxy` on the node"
	good := []Check{
		{What: "apiserver has its own address only", OK: true, Detail: "10.1.1.2:6443"},
		{What: "haproxy sees its servers", OK: true, Detail: "3 of 3 up"},
	}
	cases := []struct {
		name   string
		differ func(f *node.Facts)
		absent string
		want   []Check // OK where nil
	}{
		{"as it should be", func(*node.Facts) {}, "", good},
		{
			"everywhere", func(f *node.Facts) {
				f.Listeners = []node.Listener{listener("[::]:6443", node.APIServerProcess), listener("10.1.1.2:6443", node.APIServerProcess), listener("[::]:1", node.APIServerProcess), listener("10.0.0.1:6443", "x")}
			}, "",
			[]Check{{What: good[0].What, Detail: "listens on [::]:6443, 10.1.1.2:6443", Cure: "run `kplb apply`"}, good[1]},
		},
		{"not there", func(f *node.Facts) { f.Listeners = nil }, "", []Check{{What: good[0].What, Detail: "listens on nothing", Cure: "run `kplb apply`"}, good[1]}},
		{
			"haproxy is silent", func(f *node.Facts) { f.Servers = nil }, "",
			[]Check{good[0], {What: good[1].What, Detail: "haproxy does not answer on 127.0.0.1:8404", Cure: "look at `journalctl -u haproxy` on the node"}},
		},
		{
			"servers down", func(f *node.Facts) {
				f.Servers[0].Status, f.Servers[0].Check = "DOWN", "L4CON"
				f.Servers[2].Status, f.Servers[2].Check = "MAINT", ""
			}, "",
			[]Check{good[0], {What: good[1].What, Detail: "1 of 3 up: node-1 is DOWN (L4CON), node-3 is MAINT ()", Cure: look}},
		},
		{"going down counts as up", func(f *node.Facts) { f.Servers[0].Status = "UP 1/2" }, "", good},
		{"a server that is left out may be down", func(f *node.Facts) { f.Servers[2].Status = "DOWN" }, "node-3", []Check{good[0], {What: good[1].What, OK: true, Detail: "2 of 3 up"}}},
		{
			"another haproxy.cfg", func(f *node.Facts) { f.Servers = f.Servers[:2] }, "",
			[]Check{good[0], {What: good[1].What, Detail: "2 of 2 up, and 3 nodes", Cure: look}},
		},
		{
			"no server", func(f *node.Facts) { f.Servers = []haproxy.ServerState{} }, "",
			[]Check{good[0], {What: good[1].What, Detail: "0 of 0 up, and 3 nodes", Cure: look}},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := rolloutOf(t, home)
			n := r.Cluster.Nodes[1]
			f := applied(t, r, n)
			c.differ(f)
			want := slices.Clone(c.want) // good belongs to several cases
			for i := range want {
				want[i].Node = "node-2"
			}
			same(t, "checks", checkNode(r.Cluster, n, f, map[string]bool{c.absent: true}), want)
		})
	}
}

// live is a cluster on loopback addresses whose apiservers, and VIP, are real
// TLS servers; by default they say ok.
type live struct {
	*Rollout
	answers map[string]http.HandlerFunc // by node; "" is the VIP
}

// goLive finds a port that is free on all addresses, and listens there.
func goLive(t testing.TB, subnet string) *live {
	t.Helper()
	r := rolloutOf(t, home)
	addresses := []string{"", subnet + ".1", subnet + ".2", subnet + ".3"}
	l := &live{r, map[string]http.HandlerFunc{}}
	vip := subnet + ".9"
	cert := authority.certificate(t, farAhead, []string{"kubernetes"}, append(addresses[1:], vip)...)
	serve := func(name, host string, port uint16) uint16 {
		l.answers[name] = says200
		return apiserverAt(t, fmt.Sprintf("%s:%d", host, port), cert, func(w http.ResponseWriter, r *http.Request) { l.answers[name](w, r) }).Port()
	}
	port := serve("", vip, 0)
	r.Cluster.VIP, r.Cluster.Port = netip.MustParseAddr(vip), port
	r.Cluster.VIPs = []netip.Addr{r.Cluster.VIP}
	for i := range r.Cluster.Nodes {
		n := &r.Cluster.Nodes[i]
		n.Address = netip.MustParseAddr(addresses[i+1])
		serve(n.Name, addresses[i+1], port)
	}
	r.facts = all(t, r, applied)
	return l
}

// TestProve verifies a whole cluster.
func TestProve(t *testing.T) {
	t.Parallel()
	l := goLive(t, "127.0.4")
	facts := l.facts
	proof, err := l.prove(t.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, 0, len(proof.Checks))
	for _, c := range proof.Checks {
		got = append(got, fmt.Sprintf("%v %s: %s: %s", c.OK, c.Node, c.What, c.Detail))
	}
	port := strconv.Itoa(int(l.Cluster.Port))
	want := make([]string, 0, len(proof.Checks))
	for i, n := range l.Cluster.Nodes {
		at := fmt.Sprintf("127.0.4.%d:%s", i+1, port)
		want = append(want, "true "+n.Name+": /healthz on "+at+": ok, TLS verified", "true "+n.Name+": /readyz on "+at+": ok, TLS verified",
			"true "+n.Name+": apiserver has its own address only: "+at, "true "+n.Name+": haproxy sees its servers: 3 of 3 up")
	}
	want = append(want, "true : one node holds 127.0.4.9: node-1", "true : /healthz on 127.0.4.9:"+port+": ok, TLS verified")
	same(t, "checks", got, want)
	same(t, "holder", proof.Holder, "node-1")
	same(t, "proven", proof.OK(), true)

	l.answers["node-2"] = respond(500, "")
	facts["node-3"].Servers = nil
	proof, err = l.prove(t.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "proven", proof.OK(), false)
	says(t, &ProofError{proof}, "not proven: node-2: /healthz on 127.0.4.2:"+port+": answers 500 Internal Server Error; "+
		"node-2: /readyz on 127.0.4.2:"+port+": answers 500 Internal Server Error; node-3: haproxy sees its servers: haproxy does not answer on 127.0.0.1:8404")

	delete(facts["node-2"].Files, kubeadm.CAPath)
	_, err = l.prove(t.Context(), facts)
	says(t, err, "node-2: /etc/kubernetes/pki/ca.crt is not there")
	same(t, "no check at all proves nothing", (&Proof{}).OK(), false)
}

func TestProveGone(t *testing.T) {
	t.Parallel()
	l := goLive(t, "127.0.5")
	proof, err := l.proveGone(t.Context(), l.facts)
	if err != nil {
		t.Fatal(err)
	}
	says(t, &ProofError{proof}, "not proven: node-1: does not hold 127.0.5.9: it still does")
	l.facts["node-1"].Addresses = l.facts["node-1"].Addresses[:2]
	l.answers[""] = respond(500, "") // nobody asks
	if proof, err = l.proveGone(t.Context(), l.facts); err != nil || !proof.OK() {
		t.Errorf("%v, %v", proof, err)
	}
}

// etcds answers /health for the nodes' own etcds.
func etcds(t testing.TB, health map[string]string) map[string]node.Host {
	t.Helper()
	out := map[string]node.Host{}
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
		}), ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
		go s.Serve(l) //nolint:errcheck // it is closed
		t.Cleanup(func() { _ = s.Close() })
		out[name] = way{routes: map[string]netip.AddrPort{"127.0.0.1:2381": netip.MustParseAddrPort(l.Addr().String())}}
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
			l := goLive(t, fmt.Sprintf("127.1.%d", i))
			for name, status := range c.sick {
				l.answers[name] = respond(status, "")
			}
			l.absent = map[string]bool{}
			for _, name := range c.absent {
				l.absent[name] = true
				delete(l.facts, name)
			}
			l.hosts = map[string]node.Host{}
			for _, n := range l.Cluster.Nodes {
				l.hosts[n.Name] = way{}
			}
			maps.Copy(l.hosts, etcds(t, c.etcd))
			if len(c.absent) == 0 {
				l.absent = nil
			}
			says(t, l.quorate(t.Context(), l.Cluster.Nodes[0]), c.says)
		})
	}
}

// TestQuorateOfFive leaves two nodes out of five.
func TestQuorateOfFive(t *testing.T) {
	t.Parallel()
	l := goLive(t, "127.2.0")
	for _, name := range []string{"node-4", "node-5"} {
		l.Cluster.Nodes = append(l.Cluster.Nodes, inventory.Node{Name: name})
	}
	l.absent = map[string]bool{"node-4": true, "node-5": true}
	says(t, l.quorate(t.Context(), l.Cluster.Nodes[0]), "node-1: its apiserver is not restarted: 2 other apiservers would be left, fewer than the majority of 3")
	l.absent = map[string]bool{"node-5": true}
	l.Cluster.Nodes = slices.Delete(l.Cluster.Nodes, 3, 4)
	says(t, l.quorate(t.Context(), l.Cluster.Nodes[0]), "node-1: its apiserver is not restarted: 2 other apiservers would be left, fewer than the majority of 3")
}

func TestAwaitReady(t *testing.T) {
	t.Parallel()
	l := goLive(t, "127.2.1")
	n := l.Cluster.Nodes[1]
	asked := make(chan int, 10)
	l.answers[n.Name] = func(w http.ResponseWriter, _ *http.Request) {
		asked <- 0
		status := 200
		if len(asked) < 2 {
			status = 500
		}
		respond(status, "ok")(w, nil)
	}
	says(t, l.awaitReady(t.Context(), n, silently), "")
	same(t, "questions", len(asked), 2)

	l.answers[n.Name] = respond(500, "")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := l.awaitReady(ctx, n, silently); !errors.Is(err, context.Canceled) {
		t.Errorf("says %v", err)
	}
	// what no waiting mends is said at once
	l.Cluster.Nodes[1].Address = netip.MustParseAddr("127.2.1.7")
	l.Cluster.Port = apiserverAt(t, "127.2.1.7:0", authority.certificate(t, farAhead, []string{"kubernetes"}), says200).Port()
	says(t, l.awaitReady(t.Context(), l.Cluster.Nodes[1], silently), "node-2: the apiserver's certificate is not for 127.2.1.7: it names kubernetes")
}
