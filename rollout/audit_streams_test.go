package rollout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestStreams holds connections through servers that keep them, and through
// ones that do not.
func TestStreams(t *testing.T) {
	t.Parallel()
	const idle = 3 * time.Second
	watches := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "" {
			says200(w, r)
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
		{"sound", time.Minute, watches, "true it still works", "true it still works"},
		{"cut", idle / 3, watches, "false when it was used again after 3s: the other side has closed it (", "false after 1"},
		{"nobody may watch", time.Minute, respond(http.StatusForbidden, ""), "true it still works",
			"true left out: the apiserver lets nobody watch without credentials (403), and no control-plane node gives any"},
		{"there is no watch", time.Minute, respond(http.StatusNotFound, ""), "true it still works", "false the watch is answered by 404 Not Found"},
		{"the watch ends", time.Minute, says200, "true it still works", "false after "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := rolloutOf(t, home)
			r.Cluster.Nodes = r.Cluster.Nodes[:1]
			r.hosts = map[string]Host{"node-1": way{}}
			const vip = "127.0.6.1"
			var asked atomic.Bool
			answers := func(w http.ResponseWriter, r *http.Request) {
				asked.Store(true)
				c.answers(w, r)
			}
			server := &httptest.Server{
				Listener: listen(t, vip), EnableHTTP2: true,
				Config: &http.Server{Handler: http.HandlerFunc(answers), ReadHeaderTimeout: time.Minute, ErrorLog: quiet, IdleTimeout: time.Minute},
			}
			server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.certificate(t, farAhead, []string{everyCertificate}, vip)}, MinVersion: tls.VersionTLS12}
			server.StartTLS()
			t.Cleanup(server.CloseClientConnections) // and the watch's handler ends
			through := relay(t, server.Listener.Addr().String(), c.cuts, &asked)
			dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, through)
			}
			at := netip.MustParseAddrPort(server.Listener.Addr().String())
			got := checkHeld("", at, idle, holdConnection(t.Context(), dial, authority.pool(), at, idle))
			if said := fmt.Sprintf("%v %s", got.OK, got.Detail); !strings.HasPrefix(said, c.idle) {
				t.Errorf("idle connection: %s, not %s", said, c.idle)
			}
			asked.Store(false)
			got = checkHeld("", at, idle, r.holdWatch(t.Context(), dial, authority.pool(), at, idle))
			if said := fmt.Sprintf("%v %s", got.OK, got.Detail); !strings.HasPrefix(said, c.watch) {
				t.Errorf("watch: %s, not %s", said, c.watch)
			}
			same(t, "cure", got.Cure != "", !got.OK)
		})
	}
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
