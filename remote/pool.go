package remote

import (
	"context"
	"slices"
	"time"
)

// takeShell gives a shell that nobody uses: an old one, or a new one. A resident script goes where the one before it went.
func (h *Host) takeShell(ctx context.Context, resident bool) (*shell, error) {
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
			return nil, h.error(interrupted(ctx, "", ErrNotStarted), "")
		}
	}
}

// pick marks a shell as busy and gives it, or names the one to wait for. Both nil: a new one is needed.
func (h *Host) pick(resident bool) (sh, wait *shell) {
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

func (h *Host) isResident(s *shell) bool {
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
