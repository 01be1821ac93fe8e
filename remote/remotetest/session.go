package remotetest

import (
	"context"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// ExecHandler answers one exec request and returns its exit status. The context ends with the connection.
type ExecHandler func(ctx context.Context, e *Exec) int

// Exec is one exec request with its streams.
type Exec struct {
	User    string
	Command string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer

	server *Server
}

func (s *Server) session(ctx context.Context, c *conn, connection *ssh.ServerConn, offered ssh.NewChannel) {
	f := s.fault()
	if f.NoSession {
		<-ctx.Done()
		return
	}
	s.mu.Lock()
	s.sessions[c]++
	full := f.MaxSessions > 0 && s.sessions[c] > f.MaxSessions
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.sessions[c]--
		s.mu.Unlock()
	}()
	if full {
		_ = offered.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	channel, requests, err := offered.Accept()
	if err != nil {
		return
	}
	defer channel.Close() //nolint:errcheck // a test's channel
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for r := range requests {
		s.note(r.Type)
		if r.Type != "exec" {
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
			continue
		}
		var exec struct{ Command string }
		if err := ssh.Unmarshal(r.Payload, &exec); err != nil {
			_ = r.Reply(false, nil)
			continue
		}
		_ = r.Reply(true, nil)
		running.Go(func() {
			code := s.exec(ctx, c, &Exec{User: connection.User(), Command: exec.Command, Stdin: channel, Stdout: channel, Stderr: channel.Stderr(), server: s})
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(code)})) //nolint:gosec // an exit status
			_ = channel.Close()
		})
	}
}

func (s *Server) exec(ctx context.Context, c *conn, e *Exec) int {
	f := s.fault()
	if f.CutStdin > 0 {
		e.Stdin = &cutter{r: e.Stdin, left: f.CutStdin, conn: c}
	}
	if f.CutStdout > 0 {
		e.Stdout = &cutter{w: e.Stdout, left: f.CutStdout, conn: c}
	}
	if s.opts.Exec != nil {
		s.receive(Received{User: e.User, Command: e.Command})
		return s.opts.Exec(ctx, e)
	}
	return s.dispatch(ctx, c, e)
}

// cutter drops the connection after some bytes; what has come until then stays.
type cutter struct {
	r    io.Reader
	w    io.Writer
	left int
	conn *conn
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.left <= 0 {
		_ = c.conn.Close()
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func (c *cutter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left <= 0 {
		_ = c.conn.Close()
		return n, io.ErrClosedPipe
	}
	return n, err
}
