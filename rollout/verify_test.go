package rollout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/inventory"
	"github.com/kplb/kplb/remote"
)

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const (
	lookWho        = "look at who listens there (`ss -ltnp` on the node), at its log, and for a firewall on the way"
	findIt         = "find it: who listens on port PORT of the node that has the address (`ss -ltnp`), rules of nftables for it, and other machines that have the address (`ip neigh show to HOST`)"
	allowAnonymous = "anonymous requests to /readyz are not allowed: allow them with an AuthenticationConfiguration whose anonymous.conditions name /livez, /readyz and /healthz"
	lookAtTheLog   = "look at the apiserver's log on that node: crictl logs $(crictl ps --name kube-apiserver -q)"
)

// TestProbe asks real TLS servers. ADDRESS stands for host and port, HOST for
// the host.
func TestProbe(t *testing.T) {
	t.Parallel()
	const here = "127.0.3.1"
	ours := authority.certificate(t, farAhead, []string{"kubernetes"}, here)
	cases := []struct {
		name   string
		cert   tls.Certificate
		answer http.HandlerFunc
		says   string
		hint   string
	}{
		{name: "ok", cert: ours, answer: respond(200, "ok")},
		{name: "ok and a newline", cert: ours, answer: respond(200, "ok\n")},
		{
			name: "the SAN is missing", cert: authority.certificate(t, farAhead, []string{"kubernetes", "node-1"}, "10.96.0.1", "127.0.3.9"), answer: says200,
			says: "the apiserver's certificate is not for HOST: it names kubernetes, node-1, 10.96.0.1, 127.0.3.9",
			hint: "add HOST to apiServer.certSANs of the kubeadm configuration, then on each control-plane node, one at a time: " +
				"move /etc/kubernetes/pki/apiserver.crt and apiserver.key away, run `kubeadm init phase certs apiserver --config FILE`, and restart the apiserver",
		},
		{
			name: "no SAN at all", cert: authority.certificate(t, farAhead, nil), answer: says200,
			says: "the apiserver's certificate is not for HOST: it names nothing",
			hint: "add HOST to apiServer.certSANs of the kubeadm configuration, then on each control-plane node, one at a time: " +
				"move /etc/kubernetes/pki/apiserver.crt and apiserver.key away, run `kubeadm init phase certs apiserver --config FILE`, and restart the apiserver",
		},
		{
			name: "another CA", cert: stranger.certificate(t, farAhead, nil, here), answer: says200,
			says: "the certificate is not from the cluster's CA: something else answers on ADDRESS", hint: findIt,
		},
		{
			name: "another CA, and not for this address", cert: stranger.certificate(t, farAhead, []string{"example.org"}), answer: says200,
			says: "the certificate is not from the cluster's CA: something else answers on ADDRESS", hint: findIt,
		},
		{name: "401", cert: ours, answer: respond(401, "Unauthorized"), says: "answers 401 Unauthorized", hint: allowAnonymous},
		{name: "403", cert: ours, answer: respond(403, "Forbidden"), says: "answers 403 Forbidden", hint: allowAnonymous},
		{name: "500", cert: ours, answer: respond(500, "[-]etcd failed"), says: "answers 500 Internal Server Error", hint: lookAtTheLog},
		{name: "an unknown status", cert: ours, answer: respond(599, ""), says: "answers 599", hint: lookAtTheLog},
		{name: "a redirect is not followed", cert: ours, answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			says200(w, r)
		}, says: "answers 302 Found", hint: lookAtTheLog},
		{name: "something else than ok", cert: ours, answer: respond(200, "fine"+esc+"\x00"), says: `answers "fine\x1b[31m\x00" instead of ok`, hint: lookWho},
		{name: "nothing", cert: ours, answer: respond(200, ""), says: `answers "" instead of ok`, hint: lookWho},
		{
			name: "a page", cert: ours, answer: respond(200, strings.Repeat("<p>", 1000)),
			says: `answers "` + strings.Repeat("<p>", 33) + `<…" instead of ok`, hint: lookWho,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := apiserverAt(t, here+":0", c.cert, c.answer)
			err := probe(t.Context(), at)
			fill := strings.NewReplacer("HOST", here, "ADDRESS", at.String(), "PORT", strconv.Itoa(int(at.Port())))
			says(t, err, fill.Replace(c.says))
			same(t, "hint", answer("", "", err).Cure, fill.Replace(c.hint))
		})
	}
}

func TestProbeExpired(t *testing.T) {
	t.Parallel()
	at := apiserverAt(t, "127.0.3.1:0", authority.certificate(t, longAgo.AddDate(1, 0, 0), nil, "127.0.3.1"), says200)
	err := probe(t.Context(), at)
	if err == nil || !strings.Contains(err.Error(), "certificate has expired or is not yet valid: current time ") {
		t.Errorf("says %v", err)
	}
}

func TestProbeNoAnswer(t *testing.T) {
	t.Parallel()
	cert := authority.certificate(t, farAhead, nil, "127.0.3.1")
	at := apiserverAt(t, "127.0.3.1:0", cert, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	says(t, probe(ctx, at), "no answer within 5s")

	interrupted, stop := context.WithCancel(t.Context())
	stop()
	if err := probe(interrupted, at); !errors.Is(err, context.Canceled) {
		t.Errorf("says %v", err)
	}
	nobody := closed(t, "127.0.3.1")
	says(t, probe(t.Context(), nobody), "dial tcp "+nobody.String()+": connect: connection refused")
}

// way is a Host that only connects: to where routes says, and nowhere else.
type way struct {
	Host
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

// probe asks from here, without credentials.
func probe(ctx context.Context, at netip.AddrPort) error {
	p := newProber(authority.pool(), at, (&net.Dialer{}).DialContext)
	defer p.close()
	return p.ask(ctx, "/readyz")
}

// TestReach asks from here, and where there is no way, from the node.
func TestReach(t *testing.T) {
	t.Parallel()
	nobody := closed(t, "127.0.3.2")
	host := nobody.Addr().String()
	refused := "dial tcp " + nobody.String() + ": connect: connection refused"
	server := func(cert tls.Certificate, h http.HandlerFunc) way {
		return way{routes: map[string]netip.AddrPort{nobody.String(): apiserverAt(t, "127.0.0.1:0", cert, h)}}
	}
	good := authority.certificate(t, farAhead, nil, host)
	cases := []struct {
		name string
		from Host
		says string
	}{
		{"no connection to the node", nil, refused},
		{"the node has no way either", way{}, refused},
		{"the node has one", server(good, says200), ""},
		{"the node has one, and the answer is no", server(good, respond(403, "")), "answers 403 Forbidden"},
		{"the node has one, and the SAN is missing", server(authority.certificate(t, farAhead, []string{"kubernetes"}), says200), "the apiserver's certificate is not for " + host + ": it names kubernetes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := (&Rollout{Cluster: &inventory.Cluster{}}).readyz(t.Context(), c.from, authority.pool(), nobody)
			says(t, err, c.says)
		})
	}
	// an answer from here counts, whatever the node would say
	at := apiserverAt(t, "127.0.3.2:0", good, respond(500, ""))
	elsewhere := way{routes: map[string]netip.AddrPort{at.String(): apiserverAt(t, "127.0.0.1:0", good, says200)}}
	says(t, (&Rollout{}).readyz(t.Context(), elsewhere, authority.pool(), at), "answers 500 Internal Server Error")
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		differ func(map[string]*Facts)
		says   string
	}{
		{"the same on every node", func(map[string]*Facts) {}, ""},
		{"a node is left out", func(f map[string]*Facts) { delete(f, "node-2") }, ""},
		{"not there", func(f map[string]*Facts) { delete(f["node-2"].Files, caPath) }, "node-2: /etc/kubernetes/pki/ca.crt is not there"},
		{"no certificate", func(f map[string]*Facts) { put(f["node-1"], caPath, 0o644, []byte("hello")) }, "node-1: /etc/kubernetes/pki/ca.crt holds no certificate"},
		{"two clusters", func(f map[string]*Facts) { put(f["node-3"], caPath, 0o644, stranger.pem) }, "node-3: /etc/kubernetes/pki/ca.crt differs from the other nodes': not one cluster"},
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
		differ func(f *Facts)
		absent string
		want   []Check // OK where nil
	}{
		{"as it should be", func(*Facts) {}, "", good},
		{
			"everywhere", func(f *Facts) {
				f.Listeners = []Listener{listener("[::]:6443", apiserverProcess), listener("10.1.1.2:6443", apiserverProcess), listener("[::]:1", apiserverProcess), listener("10.0.0.1:6443", "x")}
			}, "",
			[]Check{{What: good[0].What, Detail: "listens on [::]:6443, 10.1.1.2:6443", Cure: "run `kplb apply`"}, good[1]},
		},
		{"not there", func(f *Facts) { f.Listeners = nil }, "", []Check{{What: good[0].What, Detail: "listens on nothing", Cure: "run `kplb apply`"}, good[1]}},
		{
			"haproxy is silent", func(f *Facts) { f.Servers = nil }, "",
			[]Check{good[0], {What: good[1].What, Detail: "haproxy does not answer on 127.0.0.1:8404", Cure: "look at `journalctl -u haproxy` on the node"}},
		},
		{
			"servers down", func(f *Facts) {
				f.Servers[0].Status, f.Servers[0].Check = "DOWN", "L4CON"
				f.Servers[2].Status, f.Servers[2].Check = "MAINT", ""
			}, "",
			[]Check{good[0], {What: good[1].What, Detail: "1 of 3 up: node-1 is DOWN (L4CON), node-3 is MAINT ()", Cure: look}},
		},
		{"going down counts as up", func(f *Facts) { f.Servers[0].Status = "UP 1/2" }, "", good},
		{"a server that is left out may be down", func(f *Facts) { f.Servers[2].Status = "DOWN" }, "node-3", []Check{good[0], {What: good[1].What, OK: true, Detail: "2 of 3 up"}}},
		{
			"another haproxy.cfg", func(f *Facts) { f.Servers = f.Servers[:2] }, "",
			[]Check{good[0], {What: good[1].What, Detail: "2 of 2 up, and 3 nodes", Cure: look}},
		},
		{
			"no server", func(f *Facts) { f.Servers = []Server{} }, "",
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

	delete(facts["node-2"].Files, caPath)
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
func etcds(t testing.TB, health map[string]string) map[string]Host {
	t.Helper()
	out := map[string]Host{}
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
			l.hosts = map[string]Host{}
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
