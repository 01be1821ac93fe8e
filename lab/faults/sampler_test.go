//go:build faults

package faults

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kplb/kplb/lab/machines"
)

// asker asks apiservers over new TLS connections, from the operator's
// network. It belongs to one goroutine, which has entered that network.
type asker struct {
	trust *tls.Config
	limit time.Duration
}

func newAsker(lab machines.Lab, limit time.Duration) (*asker, error) {
	if err := lab.Enter(); err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(lab.State("ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &asker{&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, limit}, nil
}

// ask wants 200 and "ok". The socket is made on this goroutine's thread.
func (a *asker) ask(host, path string) error {
	conn, err := a.connect(host)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it has been read
	return question(conn, host, path)
}

func (a *asker) connect(host string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), a.limit)
	defer cancel()
	plain, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, "6443"))
	if err != nil {
		return nil, err
	}
	_ = plain.SetDeadline(time.Now().Add(a.limit))
	config := a.trust.Clone()
	config.ServerName = host
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return conn, nil
}

func question(conn net.Conn, host, path string) error {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host); err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 4096))
	if err != nil {
		return err
	}
	if !strings.Contains(string(answer), " 200 ") || !strings.HasSuffix(string(answer), "ok") {
		return fmt.Errorf("answers %.60q", answer)
	}
	return nil
}

// sampler asks every apiserver directly, ten times a second, and counts the
// moments without a majority.
type sampler struct {
	mu      sync.Mutex
	bad     map[string]error // what the last answer of a node was
	excused map[string]bool  // nodes that the fault itself took away
	wrong   []string
	samples int
	end     chan struct{}
	workers sync.WaitGroup
}

func watch(lab machines.Lab) *sampler {
	s := &sampler{bad: map[string]error{}, excused: map[string]bool{}, end: make(chan struct{})}
	for _, n := range machines.Nodes {
		s.workers.Go(func() {
			a, err := newAsker(lab, 5*time.Second) // a busy machine is slow; what is down refuses at once
			for s.pause() {
				if err == nil {
					s.note(n, a.ask("10.1.1."+n, "/readyz"))
				} else {
					s.note(n, err)
				}
			}
		})
	}
	return s
}

func (s *sampler) pause() bool {
	select {
	case <-s.end:
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}

// note judges each time an answer comes in.
func (s *sampler) note(node string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples++
	s.bad[node] = err
	var down []string
	gone := len(s.excused)
	for n, err := range s.bad {
		if err != nil && !s.excused[n] {
			down = append(down, fmt.Sprintf("%s: %v", n, err))
		}
	}
	// a majority of three survives one; what the fault took away is not kplb's
	if len(down) > max(0, 1-gone) && len(s.wrong) < 5 {
		s.wrong = append(s.wrong, fmt.Sprintf("%s: apiservers not ready: %s", time.Now().Format("15:04:05.0"), strings.Join(down, "; ")))
	}
}

func (s *sampler) excuse(nodes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range nodes {
		s.excused[n] = true
	}
}

// judgement empties the record, and excuses nobody any more.
func (s *sampler) judgement() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.wrong
	s.wrong, s.excused = nil, map[string]bool{}
	return out
}

func (s *sampler) stop() {
	select {
	case <-s.end:
	default:
		close(s.end)
	}
	s.workers.Wait()
}

// down says which apiservers did not answer last.
func (s *sampler) down() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, n := range machines.Nodes {
		if err := s.bad[n]; err != nil {
			out = append(out, fmt.Sprintf("the apiserver of node %s: %v", n, err))
		}
	}
	return out
}
