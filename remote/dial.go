package remote

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/shell"
	"github.com/kplb/kplb/remote/sshconfig"
)

type netAddr = net.Addr

// Host is one SSH connection. Its methods may be used by several goroutines at once.
type Host struct {
	name   string
	last   hop
	opts   Options
	chain  []*ssh.Client // jump hosts, first one first
	client *goph.Client
	proxy  *proxyConn // that the first hop is reached by; nil: none
	pool   *shell.Pool

	gone   chan struct{} // closed when the connection has ended
	mu     sync.Mutex
	cause  error // why it ended
	closed sync.Once
}

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
	h.client = &goph.Client{Client: client, Config: &goph.Config{User: last.User, Addr: last.Host, Port: uint(last.Port), Timeout: o.connectTimeout()}}
	h.pool = shell.NewPool(shell.Connection{
		Name: h.name, Addr: h.Addr(), User: h.User(), Login: last.login(), ConnectTimeout: o.connectTimeout(), SudoPassword: o.SudoPassword,
		Command: func(text string) (*goph.Cmd, error) { return h.client.Command(text) }, Gone: h.gone, Cause: h.lostCause,
	})
	go h.watch()
	go h.keepAlive()
	return h, nil
}

// dialJumps resolves t and logs in to all hops but the last.
func dialJumps(ctx context.Context, t Target, o Options) (*Host, hop, error) {
	h := &Host{name: t.Name, opts: o, gone: make(chan struct{})}
	if h.name == "" {
		h.name = t.Host
	}
	hops, err := sshconfig.Resolve(ctx, t, o.source())
	if err != nil {
		return nil, hop{}, &Error{Host: h.name, Err: err, Hint: sshconfig.Hint(err)}
	}
	h.last = hop{hops[len(hops)-1]}
	for _, before := range hops[:len(hops)-1] {
		jump := hop{before}
		client, err := h.login(ctx, jump, h.gate(jump))
		if err != nil {
			_ = h.Close()
			var e *Error
			if errors.As(err, &e) {
				e.Addr, e.Via = h.last.Addr(), jump.Name
			}
			return nil, hop{}, err
		}
		h.chain = append(h.chain, client)
	}
	return h, h.last, nil
}

// Name gives the name that messages call the host by.
func (h *Host) Name() string { return h.name }

// User gives the name that was logged in with.
func (h *Host) User() string { return h.last.User }

// Addr gives the host:port that was connected to.
func (h *Host) Addr() string { return h.last.Addr() }

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
	err := errors.New("the host closed it")
	if h.proxy != nil {
		err = proxied(err, h.proxy)
	}
	h.end(err)
	close(h.gone)
}

func (h *Host) lostCause() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cause
}

func (h *Host) error(err error, hint string) *Error {
	return &Error{Host: h.name, Addr: h.last.Addr(), Err: err, Hint: hint}
}
