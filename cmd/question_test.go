package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/report"
	"github.com/kplb/kplb/terminal"
)

// TestCancelled: Ctrl-C at a question says that nothing was changed.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	var diagnostics bytes.Buffer
	s := streams{err: &diagnostics}
	err := &cancelledError{ended.Err()}
	same(t, "is the interruption", errors.Is(err, context.Canceled), true)
	same(t, "exit code", s.exit(ended, err), exitInterrupted)
	same(t, "says", diagnostics.String(), "kplb: cancelled; nothing was changed\nkplb: interrupted\n")
}

// TestHintWithoutTerminal: the hint for a key that cannot be unlocked is printed with
// the error of the login.
func TestHintWithoutTerminal(t *testing.T) {
	t.Parallel()
	err := &remote.Error{Host: "node-1", Err: fmt.Errorf("%w as root: the key could not sign: id: %w", remote.ErrAuth,
		terminal.WithHint(terminal.ErrNoTerminal, "load the key into ssh-agent: ssh-add id"))}
	same(t, "error", err.Error(), "node-1: login was refused as root: the key could not sign: id: there is no terminal to ask on")
	same(t, "hints", report.Hints(err), []string{"load the key into ssh-agent: ssh-add id"})
}
