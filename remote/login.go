package remote

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// login makes one hop. The library's handshake knows neither context nor timeout, so closing the connection under it has to do: a
// deadline would not work on a connection that runs through a jump host.
func (h *Host) login(ctx context.Context, to hop, keys keyGate) (*ssh.Client, error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := h.opts.connectTimeout()
	clock := time.AfterFunc(patience, func() { cancel(ErrTimeout) })
	defer clock.Stop()
	attempt := &attempt{host: h.name, to: to, ctx: limited, timeout: patience, keys: keys, words: newWords()}
	conn, err := h.connect(limited, to)
	if err != nil {
		return nil, attempt.unreachable(err)
	}
	attempt.conn = conn
	conn = &greeted{Conn: conn, words: attempt.words}
	stop := context.AfterFunc(limited, func() { _ = conn.Close() })
	ring := newKeyring(limited, to, h.opts.Passphrase)
	ring.pause = func() func() {
		clock.Stop()
		return func() { clock.Reset(patience) }
	}
	attempt.dialogue = &dialogue{ctx: limited, host: h.name, ring: ring, answer: h.opts.Answer, words: attempt.words}
	connected, channels, requests, err := ssh.NewClientConn(conn, to.Addr(), clientConfig(to, keys, attempt.dialogue))
	if err == nil && !stop() {
		_ = connected.Close()
		err = context.Cause(limited)
	}
	if err != nil {
		stop()
		refused := attempt.refused(err)
		_ = conn.Close()
		return nil, refused
	}
	if proxy, ok := attempt.conn.(*proxyConn); ok {
		h.proxy = proxy
	}
	return ssh.NewClient(connected, channels, requests), nil
}

// connect opens the connection: from the last jump host, by a ProxyCommand, or from here.
func (h *Host) connect(ctx context.Context, to hop) (net.Conn, error) {
	if len(h.chain) > 0 {
		return h.chain[len(h.chain)-1].DialContext(ctx, "tcp", to.Addr())
	}
	if to.Proxy != "" {
		return startProxy(to.Proxy)
	}
	dialer, err := to.dialer(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := dialer.DialContext(ctx, to.network(), to.Addr())
	if err != nil {
		return nil, err
	}
	return quickAck(conn), nil
}

// network is AddressFamily.
func (h hop) network() string {
	switch h.Family {
	case "inet":
		return "tcp4"
	case "inet6":
		return "tcp6"
	}
	return "tcp"
}

// dialer connects from BindAddress.
func (h hop) dialer(ctx context.Context) (*net.Dialer, error) {
	if h.Bind == "" || h.Bind == "*" {
		return &net.Dialer{}, nil
	}
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, h.Bind)
	if err != nil {
		return nil, fmt.Errorf("BindAddress %s: %v", h.Bind, err) //nolint:errorlint // it is not the host's name that does not resolve
	}
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: addresses[0].IP, Zone: addresses[0].Zone}}, nil
}

func clientConfig(to hop, keys keyGate, d *dialogue) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		Config: ssh.Config{
			KeyExchanges: to.Algorithms.KeyExchanges,
			Ciphers:      to.Algorithms.Ciphers,
			MACs:         to.Algorithms.MACs,
		},
		User:              to.User,
		Auth:              []ssh.AuthMethod{d.keys()},
		AuthCallback:      d.next,
		BannerCallback:    d.words.banner,
		HostKeyCallback:   keys.check,
		HostKeyAlgorithms: keys.algorithms(),
		ClientVersion:     "SSH-2.0-kplb",
	}
}
