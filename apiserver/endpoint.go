// Package apiserver asks the apiservers of a cluster over TLS: whether they are
// ready, which of them is behind a VIP, what etcd says of its health, and the
// ConfigMaps in which a cluster that kubeadm made names its apiservers.
//
// It guarantees that an answer counts only if the certificate is from the
// cluster's CA, and for the address that was asked or a name that was given; that
// no question takes longer than a few seconds; and that nothing but a
// ConfigMapChange that is written changes anything. It has no connections to
// nodes of its own: it is given functions that dial.
package apiserver

import (
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
)

// DialFunc connects, as net.Dialer's DialContext does: from this machine, or
// as a node does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Credentials are a client certificate of the cluster's administrator. It is
// read when it is first needed.
type Credentials func(context.Context) (*tls.Certificate, error)

// SharedName is a name that kubeadm puts into the certificate of every
// apiserver.
const SharedName = "kubernetes"

// HealthPaths are what an apiserver is asked to know that it is well.
var HealthPaths = []string{"/healthz", "/livez", "/readyz"}

// probeTimeout bounds one question to an apiserver.
const probeTimeout = 5 * time.Second

// Endpoint is where an apiserver answers: its own address, or one from which
// connections are forwarded to it.
type Endpoint struct {
	Address     netip.AddrPort
	CA          *x509.CertPool // that the certificate has to be from
	Name        string         // that the certificate has to be for; empty: the address
	Dial        DialFunc
	Credentials Credentials // for apiservers that refuse anonymous requests; may be nil
}

// Ask wants the answer 200 and "ok" to GET path. Its error says what to do about
// it, if it has a Hint.
func (e Endpoint) Ask(ctx context.Context, path string) error {
	p := newProber(e)
	defer p.close()
	return p.ask(ctx, path)
}

func (e Endpoint) transport(name string) *http.Transport {
	return &http.Transport{DialContext: e.Dial, TLSClientConfig: Trust(e.CA, name)}
}

// prober asks an endpoint for several paths, over one connection if the
// apiserver keeps it.
type prober struct {
	Endpoint
	own *http.Transport
}

func newProber(e Endpoint) *prober { return &prober{e, e.transport(e.Name)} }

func (p *prober) close() { p.own.CloseIdleConnections() }

func (p *prober) ask(ctx context.Context, path string) error {
	err := p.askOver(ctx, p.own, path)
	var name *NameError
	if errors.As(err, &name) {
		other := p.transport(SharedName)
		name.Answers = p.askOver(ctx, other, path) == nil
		other.CloseIdleConnections()
	}
	var refused *StatusError
	if errors.As(err, &refused) && refused.Anonymous() && p.Credentials != nil {
		if pair, credentialsErr := p.Credentials(ctx); credentialsErr == nil {
			known := p.transport(p.Name)
			known.TLSClientConfig.Certificates = []tls.Certificate{*pair}
			err = p.askOver(ctx, known, path)
			known.CloseIdleConnections()
		}
	}
	return err
}

// askOver wants the certificate to be for the transport's name, or for the
// address if it has none.
func (p *prober) askOver(ctx context.Context, over *http.Transport, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	client := &http.Client{
		Transport:     over,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.Address.String()+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return explain(p.CA, p.Address, err)
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return &StatusError{response.StatusCode, path}
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
