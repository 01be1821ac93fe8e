// Package remotetest is an SSH server in the test's own process, for tests of package remote and of those who use it. It listens on
// 127.0.0.1, lets one key in, and answers scripts with Go functions or with the real /bin/sh; anything it was not told about fails the
// test. It can be made to misbehave in the ways that hosts do.
package remotetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
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

	Forward func(address string) string // where a forwarded connection really goes; nil: to address

	HostKeys       []ssh.Signer    // default: a new ed25519 key
	AuthorizedKeys []ssh.PublicKey // beside the Target's own key
	Config         func(*ssh.ServerConfig)
	Faults         Faults
}

// Server is a running server. It is stopped when its test ends.
type Server struct {
	tb       testing.TB
	opts     Options
	dir      string
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	hostKeys []ssh.Signer
	faults   Faults
	conns    map[*conn]bool
	sessions map[*conn]int
	received []Received
	requests []string
	done     bool
}

// NewServer starts a server.
func NewServer(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := &Server{tb: tb, opts: o, dir: tb.TempDir(), hostKeys: o.HostKeys, faults: o.Faults, conns: map[*conn]bool{}, sessions: map[*conn]int{}}
	if len(s.hostKeys) == 0 {
		s.hostKeys = []ssh.Signer{NewKey(tb)}
	}
	s.writeClientKey()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.listener = listener
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

// NewKey makes an ed25519 key.
func NewKey(tb testing.TB) ssh.Signer {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		tb.Fatal(err)
	}
	return signer
}

func (s *Server) writeClientKey() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		s.tb.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := os.WriteFile(s.path("id"), pem.EncodeToMemory(block), 0o600); err != nil {
		s.tb.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.opts.AuthorizedKeys = append(slices.Clone(s.opts.AuthorizedKeys), key)
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

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

// KnownHosts names the file that records the server's host keys.
func (s *Server) KnownHosts() string { return s.path("known_hosts") }

// WriteKnownHosts records the host keys that the server has now.
func (s *Server) WriteKnownHosts() {
	var lines []byte
	s.mu.Lock()
	for _, key := range s.hostKeys {
		lines = fmt.Appendf(lines, "[127.0.0.1]:%d %s", s.Port(), ssh.MarshalAuthorizedKey(key.PublicKey()))
	}
	s.mu.Unlock()
	if err := os.WriteFile(s.KnownHosts(), lines, 0o600); err != nil {
		s.tb.Fatal(err)
	}
}

// SetHostKeys changes the keys for connections to come; known_hosts keeps the old ones.
func (s *Server) SetHostKeys(keys ...ssh.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hostKeys = keys
}

// Addr gives host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Port gives the port on 127.0.0.1.
func (s *Server) Port() uint16 {
	return uint16(s.listener.Addr().(*net.TCPAddr).Port) //nolint:gosec,forcetypeassert // a TCP port
}

// Received is one script that was run, or one command of Options.Exec.
type Received struct {
	User    string
	Command string // what came as the exec request: the same for all scripts of one shell
	Script  string // Script.Name, empty for Options.Exec
}

func (s *Server) receive(r Received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, r)
}

// Received lists what was run, in order.
func (s *Server) Received() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Requests lists the types of all requests and channels that clients asked for, in order.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) note(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, kind)
}
