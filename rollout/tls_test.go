package rollout

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/kplb/kplb/apiserver/apiservertest"
)

// ca is an authority of the tests' own.
type ca struct {
	*apiservertest.CA
	pem []byte
}

var (
	authority = newCA("kubernetes")
	stranger  = newCA("somebody else")
	quiet     = apiservertest.Quiet
	farAhead  = apiservertest.FarAhead
)

func newCA(name string) *ca {
	a := apiservertest.NewCA(name)
	return &ca{a, a.PEM}
}

func (a *ca) certificate(t testing.TB, until time.Time, names []string, addresses ...string) tls.Certificate {
	t.Helper()
	return a.Certificate(t, until, names, addresses...)
}

func apiserverAt(t testing.TB, at string, cert tls.Certificate, handler http.HandlerFunc) netip.AddrPort {
	t.Helper()
	return apiservertest.Serve(t, at, cert, handler)
}

func closed(t testing.TB, host string) netip.AddrPort {
	t.Helper()
	return apiservertest.Closed(t, host)
}

func respond(status int, body string) http.HandlerFunc { return apiservertest.Respond(status, body) }

func says200(w http.ResponseWriter, r *http.Request) { apiservertest.OK(w, r) }
