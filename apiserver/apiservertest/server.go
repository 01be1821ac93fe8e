// Package apiservertest has certificate authorities and TLS servers for tests of
// what asks apiservers.
package apiservertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// CA is a certificate authority. Its certificates are valid in the year 2000,
// too, which is when synctest's clock starts.
type CA struct {
	PEM  []byte // its own certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes an authority with a common name.
func NewCA(name string) *CA {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: LongAgo, NotAfter: FarAhead,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &CA{PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), cert: cert, key: key}
}

// LongAgo and FarAhead are when certificates begin to be valid, and end.
var (
	LongAgo  = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	FarAhead = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Quiet is the log of a server whose refused handshakes do not matter.
var Quiet = log.New(io.Discard, "", 0)

// Certificate is an apiserver's, for these names and addresses.
func (a *CA) Certificate(t testing.TB, until time.Time, names []string, addresses ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"}, DNSNames: names,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: LongAgo, NotAfter: until,
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Pool has this authority only.
func (a *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Serve answers on an address until the test ends. Port 0 takes any.
func Serve(t testing.TB, at string, cert tls.Certificate, handler http.HandlerFunc) netip.AddrPort {
	t.Helper()
	return serve(t, at, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, handler)
}

// ServeClients is Serve for a handler that wants to see the certificates of
// clients. Any is taken, or none.
func ServeClients(t testing.TB, at string, cert tls.Certificate, handler http.HandlerFunc) netip.AddrPort {
	t.Helper()
	return serve(t, at, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}, handler)
}

func serve(t testing.TB, at string, config *tls.Config, handler http.HandlerFunc) netip.AddrPort {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: Quiet}}
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(l.Addr().String())
}

// Closed is an address on which nobody listens.
func Closed(t testing.TB, host string) netip.AddrPort {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return at
}

// OK answers as a healthy apiserver does.
func OK(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }

// Respond answers every request with a status and a body.
func Respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}
