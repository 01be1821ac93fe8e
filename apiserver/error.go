package apiserver

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// StatusError is an answer that is not 200.
type StatusError struct {
	Code int
	Path string // that was asked for
}

func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("answers %d %s", e.Code, http.StatusText(e.Code)))
}

// Anonymous says whether the request was refused because it had no credentials.
func (e *StatusError) Anonymous() bool {
	return e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden
}

// Hint says what to do about it.
func (e *StatusError) Hint() string {
	if e.Anonymous() {
		return "anonymous requests to " + e.Path + " are not allowed: allow them with an AuthenticationConfiguration whose anonymous.conditions name /livez, /readyz and /healthz"
	}
	return "look at the apiserver's log on that node: crictl logs $(crictl ps --name kube-apiserver -q)"
}

// NameError is a certificate of the cluster's CA that is not for the address.
type NameError struct {
	Address netip.AddrPort
	Names   []string // that it is for
	Answers bool     // well, to clients that accept another name of the certificate
}

func (e *NameError) Error() string {
	return fmt.Sprintf("the apiserver's certificate is not for %s: it names %s", e.Address.Addr(), cmp.Or(strings.Join(e.Names, ", "), "nothing"))
}

// Hint says what to do about it.
func (e *NameError) Hint() string {
	return fmt.Sprintf("add %s to apiServer.certSANs of the kubeadm configuration, then on each control-plane node, one at a time: "+
		"move /etc/kubernetes/pki/apiserver.crt and apiserver.key away, run `kubeadm init phase certs apiserver --config FILE`, and restart the apiserver", e.Address.Addr())
}

// AuthorityError is an answer with a certificate of another CA than the
// cluster's.
type AuthorityError struct{ Address netip.AddrPort }

func (e *AuthorityError) Error() string {
	return fmt.Sprintf("the certificate is not from the cluster's CA: something else answers on %s", e.Address)
}

// Hint says what to do about it.
func (e *AuthorityError) Hint() string {
	return fmt.Sprintf("find it: who listens on port %d of the node that has the address (`ss -ltnp`), rules of nftables for it, and other machines that have the address (`ip neigh show to %s`)", e.Address.Port(), e.Address.Addr())
}

// explain finds the cause in the error of a request or a handshake.
func explain(ca *x509.CertPool, at netip.AddrPort, err error) error {
	var name x509.HostnameError
	if errors.As(err, &name) { // crypto/tls compares the name before it looks at the CA
		if _, err = name.Certificate.Verify(x509.VerifyOptions{Roots: ca}); err == nil {
			return &NameError{Address: at, Names: names(name.Certificate)}
		}
	}
	var authority x509.UnknownAuthorityError
	if errors.As(err, &authority) {
		return &AuthorityError{at}
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

// cannotDial says whether there was no connection at all.
func cannotDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
