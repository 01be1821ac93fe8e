package remotetest

import (
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// Faults are the ways in which a host misbehaves. They may be set while the server runs.
type Faults struct {
	Mute         bool          // accept TCP and say nothing
	HangUp       bool          // accept TCP and close it
	Banner       string        // say this instead of an SSH version
	RefuseAuth   bool          // let nobody in
	NoForwarding bool          // refuse direct-tcpip
	NoSession    bool          // never answer a session's request for a channel
	MaxSessions  int           // refuse more sessions at once on one connection; 0: no limit
	CutStdin     int           // drop the connection after so many bytes of standard input; 0: never
	CutStdout    int           // drop the connection after so many bytes of standard output; 0: never
	Delay        time.Duration // before everything that is sent
}

// SetFaults changes the faults for what comes; those of a connection's start do not concern open ones.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

func (s *Server) fault() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// Cut drops every open connection.
func (s *Server) Cut() {
	for _, c := range s.open() {
		_ = c.Close()
	}
}

// Freeze stops every open connection without closing it, as a cable that was pulled does.
func (s *Server) Freeze() {
	for _, c := range s.open() {
		c.freeze.Do(func() { close(c.frozen) })
	}
}

func (s *Server) open() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// conn is a TCP connection that can be slow, or frozen.
type conn struct {
	net.Conn
	server *Server
	freeze sync.Once
	frozen chan struct{}
	end    sync.Once
	ended  chan struct{}
}

func newConn(c net.Conn, s *Server) *conn {
	return &conn{Conn: c, server: s, frozen: make(chan struct{}), ended: make(chan struct{})}
}

func (c *conn) Write(p []byte) (int, error) {
	if delay := c.server.fault().Delay; delay > 0 {
		time.Sleep(delay)
	}
	c.waitIfFrozen()
	return c.Conn.Write(p)
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.waitIfFrozen()
	return n, err
}

func (c *conn) waitIfFrozen() {
	select {
	case <-c.frozen:
		<-c.ended
	default:
	}
}

func (c *conn) Close() error {
	c.end.Do(func() { close(c.ended) })
	return c.Conn.Close()
}
