package failure_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/remote/failure"
)

// TestErrors: every error names its host once, and what carries on is found by errors.Is.
func TestErrors(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("x: %w", &failure.Error{Host: "node-1", Addr: "10.1.1.1:22", Via: "bastion", Err: failure.ErrSudoDenied, Hint: "ask"})
	for want, got := range map[string]string{
		"x: node-1 (10.1.1.1:22): jump host bastion: sudo refused: the user may not run this as root": err.Error(),
		"ask":                        failure.Hint(err),
		"":                           failure.Hint(errors.New("other")),
		"10.1.1.1: is not reachable": (&failure.Error{Host: "10.1.1.1", Addr: "10.1.1.1", Err: failure.ErrUnreachable}).Error(),
		"node-1: stage: exit status 3: a | b | c":                 (&failure.ScriptError{Host: "node-1", Script: "stage", Code: 3, Stderr: "z\na\n\n b \nc\n"}).Error(),
		"node-1: stage: was still running after 5s and was ended": (&failure.ScriptError{Host: "node-1", Script: "stage", Code: 124, TimedOut: 5 * time.Second}).Error(),
		"…" + strings.Repeat("x", 300):                            failure.LastLines(strings.Repeat("x", 400)),
		"30s":                                                     failure.Longer(10 * time.Second), "1m": failure.Longer(20 * time.Second), "1m30s": failure.Longer(30 * time.Second),
		"unknown known changed revoked": fmt.Sprint(failure.KeyUnknown, failure.KeyKnown, failure.KeyChanged, failure.KeyRevoked),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if !errors.Is(err, failure.ErrSudo) || errors.Is(err, failure.ErrAuth) {
		t.Error("the sentinel is lost")
	}
}

// TestInterrupted: that somebody has cancelled is all that is said; another cause is named.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	timedOut, end := context.WithCancelCause(t.Context())
	end(failure.ErrTimeout)
	for want, err := range map[string]error{
		"interrupted": failure.Interrupted(cancelled, "", nil),
		"interrupted while installing files; the script did not start": failure.Interrupted(cancelled, "while installing files", failure.ErrNotStarted),
		"interrupted: did not answer in time":                          failure.Interrupted(timedOut, "", nil),
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	if err := failure.Interrupted(cancelled, "", failure.ErrNotStarted); !errors.Is(err, context.Canceled) || !errors.Is(err, failure.ErrNotStarted) {
		t.Error("a cause is lost")
	}
	if err := failure.Interrupted(timedOut, "", nil); !errors.Is(err, failure.ErrTimeout) {
		t.Error("the cause is lost")
	}
}

// TestTail keeps the end, within twice its limit, and counts all.
func TestTail(t *testing.T) {
	t.Parallel()
	tail := failure.Tail{Limit: 4}
	for range 100 {
		tail.Add([]byte("ab\x1b"))
	}
	tail.Add([]byte("wxyz"))
	if tail.String() != "wxyz" || tail.Total != 304 || len(tail.Data) > 8 {
		t.Errorf("%q, %d bytes of %d", tail.String(), len(tail.Data), tail.Total)
	}
}
