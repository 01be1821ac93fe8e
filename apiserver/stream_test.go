package apiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kplb/kplb/apiserver/apiservertest"
)

// TestStreams holds connections through servers that keep them, and through
// ones that do not.
func TestStreams(t *testing.T) {
	t.Parallel()
	const idle = 3 * time.Second
	watches := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "" {
			apiservertest.OK(w, r)
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	for _, c := range []struct {
		name    string
		cuts    time.Duration // idle connections
		answers http.HandlerFunc
		idle    string
		watch   string
	}{
		{"sound", time.Minute, watches, "", ""},
		{"cut", idle / 3, watches, "when it was used again after 3s: the other side has closed it (", "after 1"},
		{"nobody may watch", time.Minute, apiservertest.Respond(http.StatusForbidden, ""), "",
			"the apiserver lets nobody watch without credentials (403), and no control-plane node gives any"},
		{"there is no watch", time.Minute, apiservertest.Respond(http.StatusNotFound, ""), "", "the watch is answered by 404 Not Found"},
		{"the watch ends", time.Minute, apiservertest.OK, "", "after "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const vip = "127.0.6.1"
			var asked atomic.Bool
			answers := func(w http.ResponseWriter, r *http.Request) {
				asked.Store(true)
				c.answers(w, r)
			}
			server := &httptest.Server{
				Listener: listen(t, vip), EnableHTTP2: true,
				Config: &http.Server{Handler: http.HandlerFunc(answers), ReadHeaderTimeout: time.Minute, ErrorLog: apiservertest.Quiet, IdleTimeout: time.Minute},
			}
			server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, apiservertest.FarAhead, []string{SharedName}, vip)}, MinVersion: tls.VersionTLS12}
			server.StartTLS()
			t.Cleanup(server.CloseClientConnections) // and the watch's handler ends
			through := relay(t, server.Listener.Addr().String(), c.cuts, &asked)
			dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, through)
			}
			at := netip.MustParseAddrPort(server.Listener.Addr().String())
			e := Endpoint{Address: at, CA: authority.Pool(), Dial: dial}
			if err := e.HoldConnection(t.Context(), idle); !begins(err, c.idle) {
				t.Errorf("idle connection: %v, not %s", err, c.idle)
			}
			asked.Store(false)
			err := e.HoldWatch(t.Context(), idle)
			if !begins(err, c.watch) {
				t.Errorf("watch: %v, not %s", err, c.watch)
			}
			var unwatched *UnwatchedError
			same(t, "it is not allowed", errors.As(err, &unwatched), c.name == "nobody may watch")
		})
	}
}

// begins says whether an error's text begins so; "": whether there is none.
func begins(err error, want string) bool {
	if err == nil || want == "" {
		return err == nil && want == ""
	}
	return strings.HasPrefix(err.Error(), want)
}

func listen(t *testing.T, host string) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// relay passes on what it gets, and ends connections on which nothing is said
// for a while since the server was asked: a handshake may be slow.
func relay(t *testing.T, to string, cuts time.Duration, asked *atomic.Bool) string {
	t.Helper()
	l := listen(t, "127.0.0.1")
	t.Cleanup(func() { _ = l.Close() })
	carry := func(from, to net.Conn) {
		buffer := make([]byte, 4096)
		for {
			shaking := !asked.Load()
			_ = from.SetReadDeadline(time.Now().Add(cuts))
			n, err := from.Read(buffer)
			if shaking && errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			if err != nil {
				_, _ = from.Close(), to.Close()
				return
			}
			_, _ = to.Write(buffer[:n])
		}
	}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			there, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = from.Close()
				continue
			}
			go carry(from, there)
			go carry(there, from)
		}
	}()
	return l.Addr().String()
}
