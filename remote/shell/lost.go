package shell

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/failure"
)

// refused says why there is no session.
func (s *shell) refused(err error) error {
	var channel *ssh.OpenChannelError
	if errors.As(err, &channel) {
		return s.host.error(fmt.Errorf("%w by the host (%s): %w", failure.ErrSessions, failure.Clean(channel.Message), failure.ErrNotStarted),
			"raise MaxSessions in the host's sshd_config")
	}
	return s.lost()
}

// whyLost waits a moment for the connection's own word: a session may notice first.
func (s *shell) whyLost() error {
	select {
	case <-s.host.c.Gone:
	case <-time.After(100 * time.Millisecond):
	}
	if cause := s.host.c.Cause(); cause != nil {
		return cause
	}
	if how := s.how(); how != "" {
		return errors.New("the shell on the host was ended from outside" + how)
	}
	return errors.New("the shell on the host has ended")
}

// how gives what ended the session, in parentheses, or "": it has not ended, or ended by itself.
func (s *shell) how() string {
	if !isClosed(s.ended) {
		return ""
	}
	var status *ssh.ExitError
	if !errors.As(s.exit, &status) {
		return ""
	}
	if status.Signal() != "" {
		return fmt.Sprintf(" (signal %s)", failure.Clean(status.Signal()))
	}
	return fmt.Sprintf(" (exit status %d)", status.ExitStatus())
}

// status gives the exit status of a session that has ended; not ok: it has none, because the connection is gone.
func (s *shell) status() (code int, ok bool) {
	var status *ssh.ExitError
	switch {
	case s.exit == nil:
		return 0, true
	case errors.As(s.exit, &status):
		return status.ExitStatus(), true
	}
	return 0, false
}

// lost says that the connection went before a script was sent.
func (s *shell) lost() error {
	return s.host.error(fmt.Errorf("%w: %w; %w", failure.ErrConnectionLost, s.whyLost(), failure.ErrNotStarted), "")
}
