package drill

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplb/kplb/apiserver"
)

// vip is a TLS server that can stop answering, as a VIP does. It is in memory:
// in a bubble of synctest its times are exact.
type vip struct {
	*httptest.Server // for its certificate
	mu               sync.Mutex
	silent           chan struct{} // closed: it answers again; nil: it answers
	refuses          bool
	status           string
	pipes            []net.Conn
}

func newVIP(t *testing.T) *vip {
	t.Helper()
	v := &vip{Server: httptest.NewTLSServer(http.NotFoundHandler()), status: "200 OK"}
	t.Cleanup(v.Close)
	return v
}

// sampler asks it every 5 ms. It is known as 127.0.0.1, and as example.com.
func (v *vip) sampler(held int) *Sampler {
	pool := x509.NewCertPool()
	pool.AddCert(v.Certificate())
	return &Sampler{
		Address: "10.1.233.1:6443", Every: ms(5), Limit: ms(150), Held: held,
		TLS:  &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12},
		Dial: v.dial,
	}
}

func (v *vip) dial(context.Context, string, string) (net.Conn, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refuses {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	here, there := net.Pipe()
	v.pipes = append(v.pipes, there)
	go v.serve(there)
	return here, nil
}

// serve answers one connection's questions after 1 ms each, or not at all.
func (v *vip) serve(pipe net.Conn) {
	defer pipe.Close() //nolint:errcheck // a test's connection
	conn := tls.Server(pipe, &tls.Config{Certificates: v.TLS.Certificates, MinVersion: tls.VersionTLS12})
	for r := bufio.NewReader(conn); ; {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		time.Sleep(ms(1))
		v.mu.Lock()
		silent := v.silent
		v.mu.Unlock()
		if silent != nil {
			<-silent
		}
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nok", v.status); err != nil {
			return
		}
	}
}

// bubble runs a test in which time passes only while everybody waits.
func bubble(t *testing.T, test func(t *testing.T, v *vip)) {
	t.Helper()
	t.Parallel()
	v := newVIP(t)
	synctest.Test(t, func(t *testing.T) { test(t, v) })
}

// TestSamplerSilence: a server that stops answering for 400 ms is without an
// answer for as long, and what begins meanwhile fails after the limit.
func TestSamplerSilence(t *testing.T) {
	bubble(t, func(t *testing.T, v *vip) {
		g := v.sampler(2).Start(t.Context())
		time.Sleep(ms(300))
		v.mu.Lock()
		v.silent = make(chan struct{})
		v.mu.Unlock()
		time.Sleep(ms(400))
		v.mu.Lock()
		close(v.silent)
		v.silent = nil
		v.mu.Unlock()
		time.Sleep(ms(400))
		r := Run{End: g.Since()}
		r.Samples, r.Breaks = g.Stop()

		at, gap := r.gap()
		same(t, "without an answer", gap, ms(400))
		same(t, "from", at, ms(300))
		failed, why := r.failures()
		same(t, "failures", why, map[string]int{failSilent: failed})
		if failed < 48 || failed > 52 { // of 80; the last 150 ms of them are answered in time
			t.Errorf("%d failed", failed)
		}
		for _, s := range r.Samples {
			if s.Failure != "" && (s.Took != ms(150) || s.At < ms(295) || s.At > ms(700)) {
				t.Errorf("failed though the server answers: %+v", s)
			}
		}
		broken, lost, noticed, back := r.held()
		same(t, "held connections: broken, lost", []int{broken, lost}, []int{2, 0})
		if noticed < ms(300) || noticed > ms(352) || back < ms(490) || back > ms(510) {
			t.Errorf("noticed after %s, back after %s", noticed, back)
		}
	})
}

// TestSamplerAnswered: while it samples, it says whether clients are answered.
func TestSamplerAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, v *vip) {
		g := v.sampler(0).Start(t.Context())
		answered := func(after int, want bool) {
			t.Helper()
			time.Sleep(ms(after))
			same(t, fmt.Sprintf("answered after %s", g.Since()), g.Answered(ms(100)), want)
		}
		answered(20, false) // too few to tell
		answered(182, true)
		v.mu.Lock()
		v.silent = make(chan struct{})
		v.mu.Unlock()
		answered(90, false) // nobody has failed yet
		answered(200, false)
		v.mu.Lock()
		close(v.silent)
		v.silent = nil
		v.mu.Unlock()
		answered(50, false)
		answered(150, true)
		g.Stop()
	})
}

// TestSamplerRefused: it says how connections fail, and a held connection that
// finds nobody again is lost.
func TestSamplerRefused(t *testing.T) {
	bubble(t, func(t *testing.T, v *vip) {
		g := v.sampler(1).Start(t.Context())
		time.Sleep(ms(303))
		v.mu.Lock()
		v.refuses = true
		for _, pipe := range v.pipes {
			_ = pipe.Close() // most are closed already
		}
		v.mu.Unlock()
		time.Sleep(ms(396))
		r := Run{End: g.Since()}
		r.Samples, r.Breaks = g.Stop()
		_, why := r.failures()
		same(t, "failures", why, map[string]int{failRefused: 79})
		broken, lost, _, back := r.held()
		same(t, "held connections: broken, lost", []int{broken, lost}, []int{1, 1})
		if back < ms(400) {
			t.Errorf("held connections: %+v", r.Breaks)
		}
	})
}

// TestSamplerTrust: an answer with another certificate is none, nor is one that
// says that something is wrong; whoever may not ask has been answered.
func TestSamplerTrust(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*vip, *Sampler)
		want   string
	}{
		{"another CA", func(_ *vip, s *Sampler) { s.TLS.RootCAs = x509.NewCertPool() }, failForeign},
		{"not for the address", func(_ *vip, s *Sampler) { s.TLS.ServerName = "10.1.233.1" }, failForeign},
		{"not healthy", func(v *vip, _ *Sampler) { v.status = "500 Internal Server Error" }, failStatus},
		{"not allowed", func(v *vip, _ *Sampler) { v.status = "401 Unauthorized" }, ""},
		{"healthy", func(*vip, *Sampler) {}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, v *vip) {
				s := v.sampler(0)
				c.change(v, s)
				g := s.Start(t.Context())
				time.Sleep(ms(52))
				samples, _ := g.Stop()
				same(t, "samples", len(samples), 11)
				for _, s := range samples {
					same(t, "failure", s.Failure, c.want)
				}
			})
		})
	}
}

// TestSamplerEnds with its context, and what was under way counts as it ended.
func TestSamplerEnds(t *testing.T) {
	bubble(t, func(t *testing.T, v *vip) {
		ctx, cancel := context.WithCancel(t.Context())
		g := v.sampler(3).Start(ctx)
		time.Sleep(ms(300))
		cancel()
		samples, breaks := g.Stop()
		same(t, "ended", g.Since() <= ms(302), true)
		r := Run{Samples: samples}
		failed, _ := r.failures()
		same(t, "failed, broken", []int{failed, len(breaks)}, []int{0, 0})
		if len(samples) < 60 {
			t.Errorf("%d samples", len(samples))
		}
	})
}

// TestSamplerOverTCP: over real sockets it is the same.
func TestSamplerOverTCP(t *testing.T) {
	t.Parallel()
	v := newVIP(t)
	v.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	s := v.sampler(1)
	s.Address, s.Dial, s.Limit = v.Listener.Addr().String(), (&net.Dialer{}).DialContext, 30*time.Second
	g := s.Start(t.Context())
	time.Sleep(ms(200))
	samples, breaks := g.Stop()
	r := Run{Samples: samples}
	if failed, why := r.failures(); failed > 0 || len(samples) == 0 || len(breaks) > 0 {
		t.Errorf("%d of %d failed: %v", failed, len(samples), why)
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
		{fmt.Errorf("asked: %w", &apiserver.StatusError{Code: 500}), failStatus},
		{errors.New("something"), failOther},
	} {
		same(t, fmt.Sprint(c.err), failure(c.err), c.want)
	}
}
