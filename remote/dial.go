package remote

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"
)

type netAddr = net.Addr

// Host is one SSH connection. Its methods may be used by several goroutines at once.
type Host struct {
	name     string
	last     hop
	opts     Options
	chain    []*ssh.Client // jump hosts, first one first
	client   *goph.Client
	sessions chan struct{} // bounds what runs at once

	gone   chan struct{} // closed when the connection has ended
	mu     sync.Mutex
	cause  error // why it ended
	closed sync.Once
}

// maxSessions stays below sshd's default MaxSessions of 10.
const maxSessions = 8

// Dial connects and logs in, over every jump host. It comes back at once when ctx is done, and after Options.ConnectTimeout for each
// hop at the latest. Errors are *Error, wrapping ErrTarget, ErrUnreachable, ErrTimeout, ErrHandshake, one of the ErrHostKey errors, ErrAuth
// or the error of ctx. The agent is never forwarded.
func Dial(ctx context.Context, t Target, o Options) (*Host, error) {
	h, last, err := dialJumps(ctx, t, o)
	if err != nil {
		return nil, err
	}
	client, err := h.login(ctx, last, h.gate(last))
	if err != nil {
		_ = h.Close()
		return nil, err
	}
	h.client = &goph.Client{Client: client, Config: &goph.Config{User: last.user, Addr: last.host, Port: uint(last.port), Timeout: o.connectTimeout()}}
	go h.watch()
	go h.keepAlive()
	return h, nil
}

// dialJumps resolves t and logs in to all hops but the last.
func dialJumps(ctx context.Context, t Target, o Options) (*Host, hop, error) {
	h := &Host{name: t.Name, opts: o, sessions: make(chan struct{}, maxSessions), gone: make(chan struct{})}
	if h.name == "" {
		h.name = t.Host
	}
	hops, err := resolve(ctx, t, o)
	if err != nil {
		return nil, hop{}, &Error{Host: h.name, Err: err}
	}
	h.last = hops[len(hops)-1]
	for _, jump := range hops[:len(hops)-1] {
		client, err := h.login(ctx, jump, h.gate(jump))
		if err != nil {
			_ = h.Close()
			var e *Error
			if errors.As(err, &e) {
				e.Addr, e.Via = h.last.addr(), jump.name
			}
			return nil, hop{}, err
		}
		h.chain = append(h.chain, client)
	}
	return h, h.last, nil
}

// User gives the name that was logged in with.
func (h *Host) User() string { return h.last.user }

// Addr gives the host:port that was connected to.
func (h *Host) Addr() string { return h.last.addr() }

// Close ends the connection and everything that runs over it. Scripts on the host go on until their end or their limit.
func (h *Host) Close() error {
	h.end(ErrClosed)
	if h.client != nil {
		<-h.gone
	}
	return nil
}

// end closes the connection; the first cause stays.
func (h *Host) end(cause error) {
	h.closed.Do(func() {
		h.mu.Lock()
		h.cause = cause
		h.mu.Unlock()
		if h.client != nil {
			_ = h.client.Close()
		}
		for _, jump := range slices.Backward(h.chain) {
			_ = jump.Close()
		}
	})
}

// watch waits for the end of the connection.
func (h *Host) watch() {
	_ = h.client.Wait()
	h.end(errors.New("the host closed it"))
	close(h.gone)
}

func (h *Host) lostCause() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cause
}

func (h *Host) gate(to hop) keyGate {
	g := &gate{hop: to, known: readKnownHosts(to.knownHosts)}
	if h.opts.AcceptNew {
		g.accept = func(key HostKey) error {
			if err := record(key.File, []HostKey{key}, true); err != nil {
				return err
			}
			h.opts.notify(h.name, "recorded the new host key of "+key.Host+" in "+key.File+": "+key.Type+" "+key.Fingerprint)
			return nil
		}
	}
	return g
}

// keyGate decides on host keys during a handshake.
type keyGate interface {
	check(hostname string, remote net.Addr, key ssh.PublicKey) error
	verdict() (HostKey, error)
	algorithms() []string
}

func (g *gate) verdict() (HostKey, error) { return g.key, g.err }
func (g *gate) algorithms() []string      { return g.known.algorithms(g.hop.lookupName()) }

// login makes one hop. The library's handshake knows neither context nor timeout, so closing the connection under it has to do: a
// deadline would not work on a connection that runs through a jump host.
func (h *Host) login(ctx context.Context, to hop, keys keyGate) (*ssh.Client, error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := h.opts.connectTimeout()
	clock := time.AfterFunc(patience, func() { cancel(ErrTimeout) })
	defer clock.Stop()
	attempt := &attempt{host: h.name, to: to, ctx: limited, timeout: patience, keys: keys}
	conn, err := h.connect(limited, to)
	if err != nil {
		return nil, attempt.unreachable(err)
	}
	stop := context.AfterFunc(limited, func() { _ = conn.Close() })
	ring := &keyring{ctx: limited, hop: to, passphrase: h.opts.Passphrase, pause: func() func() {
		clock.Stop()
		return func() { clock.Reset(patience) }
	}}
	attempt.ring = ring
	connected, channels, requests, err := ssh.NewClientConn(conn, to.addr(), clientConfig(to, keys, ring))
	if err == nil && !stop() {
		_ = connected.Close()
		err = context.Cause(limited)
	}
	if err != nil {
		stop()
		_ = conn.Close()
		return nil, attempt.refused(err)
	}
	return ssh.NewClient(connected, channels, requests), nil
}

// connect opens the TCP connection, from here or from the last jump host.
func (h *Host) connect(ctx context.Context, to hop) (net.Conn, error) {
	if len(h.chain) > 0 {
		return h.chain[len(h.chain)-1].DialContext(ctx, "tcp", to.addr())
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to.addr())
	if err != nil {
		return nil, err
	}
	return quickAck(conn), nil
}

// clientConfig prefers what is cheap on small machines: X25519 alone costs a fraction of the hybrid exchanges, which are still offered
// for hosts that want nothing else; AES-GCM is in hardware nearly everywhere and is not concerned by Terrapin (CVE-2023-48795).
func clientConfig(to hop, keys keyGate, ring *keyring) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		Config: ssh.Config{
			KeyExchanges: []string{ssh.KeyExchangeCurve25519, "curve25519-sha256@libssh.org", ssh.KeyExchangeECDHP256, ssh.KeyExchangeMLKEM768X25519,
				ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521, ssh.KeyExchangeDHGEXSHA256, ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDH16SHA512},
			Ciphers: []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305, ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR},
		},
		User:              to.user,
		Auth:              []ssh.AuthMethod{ring.method()},
		HostKeyCallback:   keys.check,
		HostKeyAlgorithms: keys.algorithms(),
		ClientVersion:     "SSH-2.0-kplb",
	}
}
