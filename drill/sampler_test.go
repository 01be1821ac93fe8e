package drill

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// vip is a TLS server that can stop answering, as a VIP does.
type vip struct {
	*httptest.Server
	gate    sync.RWMutex // held for writing: nobody is answered
	refuses atomic.Bool
	conns   sync.Map
}

func newVIP(t *testing.T) *vip {
	t.Helper()
	v := &vip{}
	v.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.gate.RLock()
		defer v.gate.RUnlock()
		switch {
		case r.URL.Path != "/healthz":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = io.WriteString(w, "ok")
		}
	}))
	v.Config.ErrorLog = log.New(io.Discard, "", 0) // broken handshakes are meant
	v.StartTLS()
	t.Cleanup(v.Close)
	return v
}

// sampler asks it every 5 ms. It is known as 127.0.0.1, and as example.com.
func (v *vip) sampler(held int) *Sampler {
	pool := x509.NewCertPool()
	pool.AddCert(v.Certificate())
	return &Sampler{
		Address: v.Listener.Addr().String(), Every: ms(5), Limit: ms(300), Held: held,
		TLS: &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if v.refuses.Load() {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				v.conns.Store(c, true)
			}
			return c, err
		},
	}
}

// breakAll resets every connection there is.
func (v *vip) breakAll() {
	v.conns.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close() //nolint:forcetypeassert // nothing else is stored
		return true
	})
}

// TestSamplerSilence: a server that stops answering for 800 ms is without an
// answer for as long, and what begins meanwhile fails after the limit.
func TestSamplerSilence(t *testing.T) {
	t.Parallel()
	v := newVIP(t)
	g := v.sampler(2).Start(t.Context())
	time.Sleep(ms(300))
	v.gate.Lock()
	from := g.Since()
	time.Sleep(ms(800))
	v.gate.Unlock()
	to := g.Since()
	time.Sleep(ms(400))
	r := Run{End: g.Since()}
	r.Samples, r.Breaks = g.Stop()

	at, gap := r.gap()
	if gap < ms(790) || gap > ms(800)+r.stall()+ms(200) || at < from-ms(100) || at > from+ms(50) {
		t.Errorf("without an answer for %s from %s on, and the server was silent from %s to %s", gap, at, from, to)
	}
	failed, why := r.failures()
	if failed == 0 || why[failSilent] != failed {
		t.Errorf("%d failed: %v", failed, why)
	}
	for _, s := range r.Samples {
		if s.Failure != "" && (s.Took < ms(300) || s.At < from-ms(300) || s.At > to) {
			t.Errorf("failed though the server answers: %+v", s)
		}
	}
	broken, lost, noticed, back := r.held()
	if broken < 2 || lost != 0 || noticed < ms(300) || back < ms(600) {
		t.Errorf("held connections: broken %d, lost %d, noticed after %s, back after %s", broken, lost, noticed, back)
	}
}

// TestSamplerRefused: it says how connections fail, and a held connection that
// finds nobody again is lost.
func TestSamplerRefused(t *testing.T) {
	t.Parallel()
	v := newVIP(t)
	g := v.sampler(1).Start(t.Context())
	time.Sleep(ms(300))
	v.refuses.Store(true)
	v.breakAll()
	time.Sleep(ms(400))
	r := Run{End: g.Since()}
	r.Samples, r.Breaks = g.Stop()
	failed, why := r.failures()
	if why[failRefused] < 10 || why[failSilent] > 10 { // some were under way, and were closed here
		t.Errorf("%d failed: %v", failed, why)
	}
	if broken, lost, _, back := r.held(); broken != 1 || lost != 1 || back < ms(150) {
		t.Errorf("held connections: %+v", r.Breaks)
	}
}

// TestSamplerTrust: an answer with another certificate is none.
func TestSamplerTrust(t *testing.T) {
	t.Parallel()
	v := newVIP(t)
	for name, change := range map[string]func(*Sampler){
		"another CA":                  func(s *Sampler) { s.TLS.RootCAs = x509.NewCertPool() },
		"not for the address":         func(s *Sampler) { s.TLS.ServerName = "10.1.233.1" },
		"an answer that is not an ok": func(s *Sampler) { s.Address = "unused" },
	} {
		s := v.sampler(0)
		change(s)
		want := failForeign
		if s.Address == "unused" {
			s.Address = v.Listener.Addr().String()
			v.Config.Handler = http.NotFoundHandler()
			want = failStatus
		}
		g := s.Start(t.Context())
		time.Sleep(ms(100))
		samples, _ := g.Stop()
		for _, s := range samples {
			if s.Failure != want {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if len(samples) == 0 {
			t.Errorf("%s: no sample", name)
		}
	}
}

// TestSamplerEnds with its context, and what was under way counts as it ended.
func TestSamplerEnds(t *testing.T) {
	t.Parallel()
	v := newVIP(t)
	ctx, cancel := context.WithCancel(t.Context())
	g := v.sampler(3).Start(ctx)
	time.Sleep(ms(300))
	cancel()
	time.Sleep(ms(50))
	began := time.Now()
	samples, breaks := g.Stop()
	if took := time.Since(began); took > ms(600) {
		t.Errorf("it ended after %s", took)
	}
	r := Run{Samples: samples}
	if failed, why := r.failures(); failed > 0 || len(breaks) > 0 || len(samples) == 0 {
		t.Errorf("%d of %d failed: %v; %d breaks", failed, len(samples), why, len(breaks))
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	op := func(err error) error { return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{context.DeadlineExceeded, failSilent},
		{os.ErrDeadlineExceeded, failSilent},
		{op(syscall.ETIMEDOUT), failSilent},
		{op(syscall.ECONNREFUSED), failRefused},
		{op(syscall.ECONNRESET), failReset},
		{op(syscall.EHOSTUNREACH), failRoute},
		{io.EOF, failReset},
		{errors.New("node-2: the host could not connect to 10.1.233.1:6443: Connection refused"), failRefused},
		{errors.New("node-2: the host could not connect to 10.1.233.1:6443: No route to host"), failRoute},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, failForeign},
		{fmt.Errorf("asked: %w", &statusError{500}), failStatus},
		{errors.New("something"), failOther},
	} {
		same(t, fmt.Sprint(c.err), failure(c.err), c.want)
	}
}
