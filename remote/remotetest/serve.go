package remotetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/crypto/ssh"
)

func (s *Server) accept() {
	defer s.running.Done()
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := newConn(raw, s)
		s.mu.Lock()
		if s.done {
			s.mu.Unlock()
			_ = raw.Close()
			return
		}
		s.conns[c] = true
		s.running.Add(1)
		s.mu.Unlock()
		go func() {
			defer s.running.Done()
			s.serve(c)
			_ = c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			delete(s.sessions, c)
			s.mu.Unlock()
		}()
	}
}

func (s *Server) serve(c *conn) {
	switch f := s.fault(); {
	case f.HangUp:
		return
	case f.Mute:
		_, _ = io.Copy(io.Discard, c)
		return
	case f.Banner != "":
		_, _ = io.WriteString(c, f.Banner)
		return
	}
	connection, channels, requests, err := ssh.NewServerConn(c, s.config())
	if err != nil {
		return
	}
	var open sync.WaitGroup
	open.Go(func() {
		for r := range requests {
			s.note(r.Type)
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	for channel := range channels {
		s.note(channel.ChannelType())
		open.Go(func() { s.channel(ctx, c, connection, channel) })
	}
	cancel()
	open.Wait()
}

func (s *Server) config() *ssh.ServerConfig {
	refuse := s.fault().RefuseAuth
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !refuse && slices.ContainsFunc(s.opts.AuthorizedKeys, func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) }) {
				return &ssh.Permissions{}, nil
			}
			return nil, errors.New("key is not authorized")
		},
	}
	for _, key := range s.hostKeys() {
		config.AddHostKey(key)
	}
	if s.opts.Config != nil {
		s.opts.Config(config)
	}
	return config
}

func (s *Server) channel(ctx context.Context, c *conn, connection *ssh.ServerConn, channel ssh.NewChannel) {
	switch channel.ChannelType() {
	case "session":
		s.session(ctx, c, connection, channel)
	case "direct-tcpip":
		s.forward(ctx, channel)
	default:
		_ = channel.Reject(ssh.UnknownChannelType, "unknown channel type")
	}
}

// forward connects to where the client wants.
func (s *Server) forward(ctx context.Context, channel ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if err := ssh.Unmarshal(channel.ExtraData(), &to); err != nil || s.fault().NoForwarding {
		_ = channel.Reject(ssh.Prohibited, "administratively prohibited: open failed")
		return
	}
	address := net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port)))
	if s.opts.Forward != nil {
		address = s.opts.Forward(address)
	}
	there, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		_ = channel.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	defer there.Close() //nolint:errcheck // a test's connection
	here, requests, err := channel.Accept()
	if err != nil {
		return
	}
	defer here.Close() //nolint:errcheck // as above
	go ssh.DiscardRequests(requests)
	stop := context.AfterFunc(ctx, func() { _ = there.Close() })
	defer stop()
	go func() {
		_, _ = io.Copy(there, here)
		if tcp, ok := there.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}()
	_, _ = io.Copy(here, there)
}
