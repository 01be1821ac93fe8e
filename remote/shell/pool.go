package shell

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/melbahja/goph"

	"github.com/kplb/kplb/remote/failure"
)

// Connection is what shells need of the connection that they run on.
type Connection struct {
	Name  string // how messages call the host
	Addr  string // host:port
	User  string // who has logged in
	Login string // what ssh is called with to log in as we do, for hints

	ConnectTimeout time.Duration // for the login shell to come to a command
	// SudoPassword is asked when sudo asks; nil: sudo may not ask.
	SudoPassword func(ctx context.Context, host string) ([]byte, error)

	Command func(text string) (*goph.Cmd, error) // in a new session
	Gone    <-chan struct{}                      // closed when the connection has ended
	Cause   func() error                         // why it ended; nil: nobody knows yet
}

// Pool has the shells of one connection. Its methods may be used by several goroutines at
// once.
type Pool struct {
	c        Connection
	sessions chan struct{} // bounds what runs at once

	mu       sync.Mutex
	shells   []*shell // that were opened
	resident *shell   // the one of resident scripts
}

// maxSessions stays below sshd's default MaxSessions of 10.
const maxSessions = 8

// NewPool has no shell yet: scripts open them.
func NewPool(c Connection) *Pool { return &Pool{c: c, sessions: make(chan struct{}, maxSessions)} }

func (h *Pool) error(err error, hint string) *failure.Error {
	return &failure.Error{Host: h.c.Name, Addr: h.c.Addr, Err: err, Hint: hint}
}

// takeShell gives a shell that nobody uses: an old one, or a new one. A resident script goes where the one before it went.
func (h *Pool) takeShell(ctx context.Context, resident bool) (*shell, error) {
	for {
		h.mu.Lock()
		sh, wait := h.pick(resident)
		h.mu.Unlock()
		switch {
		case sh != nil:
			return sh, nil
		case wait == nil:
			return h.openShell(ctx, resident)
		}
		select {
		case <-wait.ended:
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, h.error(failure.Interrupted(ctx, "", failure.ErrNotStarted), "")
		}
	}
}

// pick marks a shell as busy and gives it, or names the one to wait for. Both nil: a new one is needed.
func (h *Pool) pick(resident bool) (sh, wait *shell) {
	h.shells = slices.DeleteFunc(h.shells, func(s *shell) bool { return isClosed(s.ended) })
	if h.resident != nil && isClosed(h.resident.ended) {
		h.resident = nil
	}
	if resident && h.resident != nil {
		if h.resident.take() {
			return h.resident, nil
		}
		return nil, h.resident
	}
	for _, s := range h.shells {
		if s.take() {
			if resident {
				h.resident = s
			}
			return s, nil
		}
	}
	return nil, nil
}

func (h *Pool) isResident(s *shell) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.resident == s
}

func (s *shell) take() bool { return s.busy.CompareAndSwap(false, true) }

func (s *shell) release() { s.busy.Store(false) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
