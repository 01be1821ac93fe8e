package apiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kplb/kplb/apiserver/apiservertest"
)

var (
	authority = apiservertest.NewCA("kubernetes")
	stranger  = apiservertest.NewCA("somebody else")
)

// same fails the test where got is not want.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// says fails the test unless the error has exactly this text; "" for none.
func says(t testing.TB, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	same(t, "error", got, want)
}

func hintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

// ask asks from here, without credentials.
func ask(ctx context.Context, at netip.AddrPort) error {
	return Endpoint{Address: at, CA: authority.Pool(), Dial: (&net.Dialer{}).DialContext}.Ask(ctx, "/readyz")
}

const (
	findIt         = "find it: who listens on port PORT of the node that has the address (`ss -ltnp`), rules of nftables for it, and other machines that have the address (`ip neigh show to HOST`)"
	allowAnonymous = "anonymous requests to /readyz are not allowed: allow them with an AuthenticationConfiguration whose anonymous.conditions name /livez, /readyz and /healthz"
	lookAtTheLog   = "look at the apiserver's log on that node: crictl logs $(crictl ps --name kube-apiserver -q)"
)

// TestAsk asks real TLS servers. ADDRESS stands for host and port, HOST for
// the host.
func TestAsk(t *testing.T) {
	t.Parallel()
	const here = "127.0.3.1"
	ours := authority.Certificate(t, apiservertest.FarAhead, []string{"kubernetes"}, here)
	cases := []struct {
		name   string
		cert   tls.Certificate
		answer http.HandlerFunc
		says   string
		hint   string
	}{
		{name: "ok", cert: ours, answer: apiservertest.Respond(200, "ok")},
		{name: "ok and a newline", cert: ours, answer: apiservertest.Respond(200, "ok\n")},
		{
			name: "the SAN is missing", cert: authority.Certificate(t, apiservertest.FarAhead, []string{"kubernetes", "node-1"}, "10.96.0.1", "127.0.3.9"), answer: apiservertest.OK,
			says: "the apiserver's certificate is not for HOST: it names kubernetes, node-1, 10.96.0.1, 127.0.3.9",
			hint: "add HOST to apiServer.certSANs of the kubeadm configuration, then on each control-plane node, one at a time: " +
				"move /etc/kubernetes/pki/apiserver.crt and apiserver.key away, run `kubeadm init phase certs apiserver --config FILE`, and restart the apiserver",
		},
		{
			name: "no SAN at all", cert: authority.Certificate(t, apiservertest.FarAhead, nil), answer: apiservertest.OK,
			says: "the apiserver's certificate is not for HOST: it names nothing",
			hint: "add HOST to apiServer.certSANs of the kubeadm configuration, then on each control-plane node, one at a time: " +
				"move /etc/kubernetes/pki/apiserver.crt and apiserver.key away, run `kubeadm init phase certs apiserver --config FILE`, and restart the apiserver",
		},
		{
			name: "another CA", cert: stranger.Certificate(t, apiservertest.FarAhead, nil, here), answer: apiservertest.OK,
			says: "the certificate is not from the cluster's CA: something else answers on ADDRESS", hint: findIt,
		},
		{
			name: "another CA, and not for this address", cert: stranger.Certificate(t, apiservertest.FarAhead, []string{"example.org"}), answer: apiservertest.OK,
			says: "the certificate is not from the cluster's CA: something else answers on ADDRESS", hint: findIt,
		},
		{name: "401", cert: ours, answer: apiservertest.Respond(401, "Unauthorized"), says: "answers 401 Unauthorized", hint: allowAnonymous},
		{name: "403", cert: ours, answer: apiservertest.Respond(403, "Forbidden"), says: "answers 403 Forbidden", hint: allowAnonymous},
		{name: "500", cert: ours, answer: apiservertest.Respond(500, "[-]etcd failed"), says: "answers 500 Internal Server Error", hint: lookAtTheLog},
		{name: "an unknown status", cert: ours, answer: apiservertest.Respond(599, ""), says: "answers 599", hint: lookAtTheLog},
		{name: "a redirect is not followed", cert: ours, answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			apiservertest.OK(w, r)
		}, says: "answers 302 Found", hint: lookAtTheLog},
		{name: "something else than ok", cert: ours, answer: apiservertest.Respond(200, "fine\x1b[31m\x00"), says: `answers "fine\x1b[31m\x00" instead of ok`},
		{name: "nothing", cert: ours, answer: apiservertest.Respond(200, ""), says: `answers "" instead of ok`},
		{
			name: "a page", cert: ours, answer: apiservertest.Respond(200, strings.Repeat("<p>", 1000)),
			says: `answers "` + strings.Repeat("<p>", 33) + `<…" instead of ok`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := apiservertest.Serve(t, here+":0", c.cert, c.answer)
			err := ask(t.Context(), at)
			fill := strings.NewReplacer("HOST", here, "ADDRESS", at.String(), "PORT", strconv.Itoa(int(at.Port())))
			says(t, err, fill.Replace(c.says))
			same(t, "hint", hintOf(err), fill.Replace(c.hint))
		})
	}
}

func TestAskExpired(t *testing.T) {
	t.Parallel()
	at := apiservertest.Serve(t, "127.0.3.1:0", authority.Certificate(t, apiservertest.LongAgo.AddDate(1, 0, 0), nil, "127.0.3.1"), apiservertest.OK)
	err := ask(t.Context(), at)
	if err == nil || !strings.Contains(err.Error(), "certificate has expired or is not yet valid: current time ") {
		t.Errorf("says %v", err)
	}
}

func TestAskNoAnswer(t *testing.T) {
	t.Parallel()
	cert := authority.Certificate(t, apiservertest.FarAhead, nil, "127.0.3.1")
	at := apiservertest.Serve(t, "127.0.3.1:0", cert, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	says(t, ask(ctx, at), "no answer within 5s")

	interrupted, stop := context.WithCancel(t.Context())
	stop()
	if err := ask(interrupted, at); !errors.Is(err, context.Canceled) {
		t.Errorf("says %v", err)
	}
	nobody := apiservertest.Closed(t, "127.0.3.1")
	says(t, ask(t.Context(), nobody), "dial tcp "+nobody.String()+": connect: connection refused")
}

// TestCredentialsWhereAnonymousIsRefused: they are used only then, and what is
// answered to them counts.
func TestCredentialsWhereAnonymousIsRefused(t *testing.T) {
	t.Parallel()
	const here = "127.0.3.4"
	pair := authority.Certificate(t, apiservertest.FarAhead, nil)
	for _, c := range []struct {
		name            string
		anonymous, rest int
		err             error // of the credentials
		says            string
		read            bool
	}{
		{"everybody may ask", 200, 500, nil, "", false},
		{"only whom it knows", 401, 200, nil, "", true},
		{"it knows, and is not ready", 403, 500, nil, "answers 500 Internal Server Error", true},
		{"there are none", 401, 200, errors.New("no node gives any"), "answers 401 Unauthorized", true},
		{"not ready is no refusal", 500, 200, nil, "answers 500 Internal Server Error", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := apiservertest.ServeClients(t, here+":0", authority.Certificate(t, apiservertest.FarAhead, nil, here), func(w http.ResponseWriter, r *http.Request) {
				status := c.anonymous
				if len(r.TLS.PeerCertificates) > 0 {
					status = c.rest
				}
				apiservertest.Respond(status, "ok")(w, r)
			})
			read := false
			e := Endpoint{Address: at, CA: authority.Pool(), Dial: (&net.Dialer{}).DialContext, Credentials: func(context.Context) (*tls.Certificate, error) {
				read = true
				return &pair, c.err
			}}
			says(t, e.Ask(t.Context(), "/readyz"), c.says)
			same(t, "credentials are read", read, c.read)
		})
	}
}

// TestNameErrorSaysWhoAnswers: a certificate that lacks the address is one thing,
// an apiserver that is not ready either another.
func TestNameErrorSaysWhoAnswers(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{200: true, 500: false} {
		at := apiservertest.Serve(t, "127.0.3.5:0", authority.Certificate(t, apiservertest.FarAhead, []string{SharedName}), apiservertest.Respond(status, "ok"))
		var name *NameError
		if err := ask(t.Context(), at); !errors.As(err, &name) {
			t.Fatalf("says %v", err)
		}
		same(t, "answers", name.Answers, want)
		e := Endpoint{Address: at, CA: authority.Pool(), Name: SharedName, Dial: (&net.Dialer{}).DialContext}
		same(t, "by a name that it has", e.Ask(t.Context(), "/readyz") == nil, want)
	}
}
