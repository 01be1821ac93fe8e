// Package remotetest is an SSH server in the test's own process, for tests of package remote and of those who use it. It listens on
// 127.0.0.1, lets one key in, and answers scripts with Go functions or with the real /bin/sh; anything it was not told about fails the
// test. It can be made to misbehave in the ways that hosts do.
package remotetest

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote"
)

// Options program a Server. The zero value lets the test's key in as root and fails every script.
type Options struct {
	Name    string             // the Target's; default "node"
	User    string             // the Target's; default "root", which needs no sudo. Any user is let in
	Scripts map[string]Handler // by Script.Name
	Other   Handler            // for all other scripts; nil: the test fails. RunShell runs them for real
	Exec    ExecHandler        // instead of the two above: the bare command with its streams
	Path    string             // a directory of fakes that RunShell and LocalShell put first in PATH
	Env     []string           // for RunShell and LocalShell, beside the test's own environment
	Shell   []string           // the login shell of LocalShell, with what comes before -c; default: /bin/sh

	Forward func(address string) string // where a forwarded connection really goes; nil: to address

	HostKeys       []ssh.Signer    // default: a new ed25519 key
	AuthorizedKeys []ssh.PublicKey // beside the Target's own key
	Config         func(*ssh.ServerConfig)
	Faults         Faults
}

// Server is a running server. It is stopped when its test ends.
type Server struct {
	keys
	journal
	tb       testing.TB
	opts     Options
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	faults   Faults
	conns    map[*conn]bool
	sessions map[*conn]int
	done     bool
}

// NewServer starts a server.
func NewServer(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := &Server{tb: tb, opts: o, keys: keys{tb: tb, dir: tb.TempDir(), host: o.HostKeys}, faults: o.Faults, conns: map[*conn]bool{}, sessions: map[*conn]int{}}
	if len(s.host) == 0 {
		s.host = []ssh.Signer{NewKey(tb)}
	}
	s.opts.AuthorizedKeys = append(slices.Clone(o.AuthorizedKeys), s.newClientKey())
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.listener = listener
	s.port = s.Port()
	s.WriteKnownHosts()
	s.running.Add(1)
	go s.accept()
	tb.Cleanup(s.stop)
	return s
}

func (s *Server) stop() {
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
	_ = s.listener.Close()
	s.Cut()
	s.running.Wait()
}

// Target logs in to the server with the key that it lets in.
func (s *Server) Target() remote.Target {
	t := remote.Target{Name: s.opts.Name, Host: "127.0.0.1", Port: s.Port(), User: s.opts.User, IdentityFiles: []string{s.path("id")}}
	if t.Name == "" {
		t.Name = "node"
	}
	if t.User == "" {
		t.User = "root"
	}
	return t
}

// Options trust the server's host keys and know nothing else. With several servers, add up their KnownHosts.
func (s *Server) Options() remote.Options {
	return remote.Options{KnownHosts: []string{s.KnownHosts()}, ConnectTimeout: 5 * time.Second}
}

// Addr gives host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Port gives the port on 127.0.0.1.
func (s *Server) Port() uint16 {
	return uint16(s.listener.Addr().(*net.TCPAddr).Port) //nolint:gosec,forcetypeassert // a TCP port
}
