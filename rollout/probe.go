package rollout

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/kplb/kplb/remote"
)

// probeTimeout bounds one question to an apiserver.
const probeTimeout = 5 * time.Second

// prober asks an apiserver several paths over one connection, where that
// stays: TLS verified against the cluster's CA and the address that it was
// reached by. An answer must be 200 and "ok".
type prober struct {
	ca    *x509.CertPool
	at    netip.AddrPort
	dial  DialFunc
	name  string // that the certificate has to be for; empty: the address
	own   *http.Transport
	admin func(context.Context) (*tls.Certificate, error) // for apiservers that answer nobody else; may be nil
}

func newProber(ca *x509.CertPool, at netip.AddrPort, dial DialFunc) *prober {
	p := &prober{ca: ca, at: at, dial: dial}
	p.own = p.transport("")
	return p
}

func (p *prober) transport(name string) *http.Transport {
	return &http.Transport{
		DialContext:     p.dial,
		TLSClientConfig: &tls.Config{RootCAs: p.ca, ServerName: name, MinVersion: tls.VersionTLS12},
	}
}

func (p *prober) close() { p.own.CloseIdleConnections() }

func (p *prober) ask(ctx context.Context, path string) error {
	err := p.askOver(ctx, p.own, path)
	var san *sanError
	if errors.As(err, &san) {
		other := p.transport(everyCertificate)
		san.answers = p.askOver(ctx, other, path) == nil
		other.CloseIdleConnections()
	}
	var refused *statusError
	if errors.As(err, &refused) && refused.anonymous() && p.admin != nil {
		if pair, adminErr := p.admin(ctx); adminErr == nil {
			known := p.transport(p.name)
			known.TLSClientConfig.Certificates = []tls.Certificate{*pair}
			err = p.askOver(ctx, known, path)
			known.CloseIdleConnections()
		}
	}
	return err
}

// everyCertificate is a name that kubeadm puts into every apiserver's
// certificate.
const everyCertificate = "kubernetes"

// askOver wants the certificate to be for the transport's name, or for the
// address if it has none.
func (p *prober) askOver(ctx context.Context, over *http.Transport, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	client := &http.Client{
		Transport:     over,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.at.String()+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return explain(p.ca, p.at, err)
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return &statusError{response.StatusCode, path}
	}
	if got := strings.TrimSpace(string(body)); got != "ok" {
		return fmt.Errorf("answers %q instead of ok", shorten(got))
	}
	return nil
}

// shorten keeps the start of a long answer.
func shorten(s string) string {
	const enough = 100
	if len(s) <= enough {
		return s
	}
	return strings.ToValidUTF8(s[:enough], "") + "…"
}

// statusError is an answer that is not 200.
type statusError struct {
	code int
	path string
}

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("answers %d %s", e.code, http.StatusText(e.code)))
}

// anonymous says whether it is refused because nobody has asked.
func (e *statusError) anonymous() bool {
	return e.code == http.StatusUnauthorized || e.code == http.StatusForbidden
}

// Hint is the cure.
func (e *statusError) Hint() string {
	if e.anonymous() {
		return "anonymous requests to " + e.path + " are not allowed: allow them with an AuthenticationConfiguration whose anonymous.conditions name /livez, /readyz and /healthz"
	}
	return "look at the apiserver's log on that node: crictl logs $(crictl ps --name kube-apiserver -q)"
}

// sanError says that a certificate is not made for the address.
type sanError struct {
	at      netip.AddrPort
	has     []string
	answers bool // well, to whoever takes another name of the certificate
}

func (e *sanError) Error() string {
	return fmt.Sprintf("the apiserver's certificate is not for %s: it names %s", e.at.Addr(), cmp.Or(strings.Join(e.has, ", "), "nothing"))
}

// Hint is the cure.
func (e *sanError) Hint() string {
	return fmt.Sprintf("add %s to apiServer.certSANs of the kubeadm configuration, then on each control-plane node, one at a time: "+
		"move /etc/kubernetes/pki/apiserver.crt and apiserver.key away, run `kubeadm init phase certs apiserver --config FILE`, and restart the apiserver", e.at.Addr())
}

// foreignError is of an answer by something that is none of the cluster's.
type foreignError struct{ at netip.AddrPort }

func (e *foreignError) Error() string {
	return fmt.Sprintf("the certificate is not from the cluster's CA: something else answers on %s", e.at)
}

// Hint is the cure.
func (e *foreignError) Hint() string {
	return fmt.Sprintf("find it: who listens on port %d of the node that has the address (`ss -ltnp`), rules of nftables for it, and other machines that have the address (`ip neigh show to %s`)", e.at.Port(), e.at.Addr())
}

// explain finds what a person has to know in a failed request.
func explain(ca *x509.CertPool, at netip.AddrPort, err error) error {
	var name x509.HostnameError
	if errors.As(err, &name) { // found before the CA is looked at
		if _, err = name.Certificate.Verify(x509.VerifyOptions{Roots: ca}); err == nil {
			return &sanError{at: at, has: names(name.Certificate)}
		}
	}
	var authority x509.UnknownAuthorityError
	if errors.As(err, &authority) {
		return &foreignError{at}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", probeTimeout)
	}
	return err
}

func names(c *x509.Certificate) []string {
	out := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

// readyz asks an apiserver whether it is ready, as reach does.
func (r *Rollout) readyz(ctx context.Context, from Host, ca *x509.CertPool, at netip.AddrPort) error {
	return r.reach(ctx, from, ca, at, "/readyz")[0]
}

// reach asks for each path directly, and from the node itself where this
// machine has no way to it. Where the node has none either, what this machine
// saw counts.
func (r *Rollout) reach(ctx context.Context, from Host, ca *x509.CertPool, at netip.AddrPort, paths ...string) []error {
	outside := newProber(ca, at, r.fromHere())
	outside.admin = r.administrator
	defer outside.close()
	out := make([]error, len(paths))
	for i, path := range paths {
		out[i] = outside.ask(ctx, path)
		var op *net.OpError
		if from == nil || !errors.As(out[i], &op) || op.Op != "dial" {
			continue
		}
		node := newProber(ca, at, from.DialContext)
		node.admin = r.administrator
		inside := node.ask(ctx, path)
		node.close()
		var noWay *remote.Error
		if !errors.As(inside, &noWay) {
			out[i] = inside
		}
	}
	return out
}
