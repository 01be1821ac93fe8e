// Package failure has what can go wrong with a host over SSH: the sentinels, the errors that
// carry them, and how text of a host becomes harmless.
//
// The package guarantees that every Error names its host, and that what a host has said, in an
// error or by Clean, drives no terminal.
package failure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What can be wrong with a host. Use errors.Is; the messages are for people.
var (
	ErrTarget         = errors.New("cannot be used as an SSH target")             // the Target itself, or ssh_config, before any connection
	ErrUnreachable    = errors.New("is not reachable")                            // no TCP connection
	ErrTimeout        = errors.New("did not answer in time")                      // reached, but mute (also joined to ErrUnreachable when TCP timed out)
	ErrHandshake      = errors.New("SSH handshake failed")                        // not SSH, no common algorithm, or sshd hung up before the login
	ErrHostKeyUnknown = errors.New("host key is unknown")                         // nothing recorded for this host
	ErrHostKeyChanged = errors.New("host key has changed")                        // another key is recorded for this host
	ErrHostKeyRevoked = errors.New("host key is revoked")                         // a @revoked line or a file of RevokedHostKeys names the key or its CA
	ErrAuth           = errors.New("login was refused")                           // no key was accepted
	ErrSudo           = errors.New("sudo refused")                                // every ErrSudo… below is also ErrSudo
	ErrSessions       = errors.New("no further session was allowed")              // MaxSessions
	ErrForwarding     = errors.New("forwarding is not allowed")                   // AllowTcpForwarding no, or PermitOpen
	ErrForwardFailed  = errors.New("the host could not connect")                  // refused or unreachable, as seen from the host
	ErrNotStarted     = errors.New("the script did not start")                    // nothing of its body ran; may be joined to another sentinel
	ErrConnectionLost = errors.New("connection lost")                             // after the login; the script may or may not go on
	ErrOutputLimit    = errors.New("printed more than is accepted")               // MaxLine or MaxOutput
	ErrClosed         = errors.New("connection is closed")                        // by Close
	ErrScript         = errors.New("is not a valid script")                       // a Script whose names or values cannot be sent
	ErrKnownHosts     = errors.New("the known_hosts file cannot be read or kept") // permissions, disk, lock
)

// Why sudo refused.
var (
	ErrSudoPasswordNeeded = fmt.Errorf("%w: it wants a password", ErrSudo)
	ErrSudoPasswordWrong  = fmt.Errorf("%w: the password is wrong", ErrSudo)
	ErrSudoDenied         = fmt.Errorf("%w: the user may not run this as root", ErrSudo)
	ErrSudoTTY            = fmt.Errorf("%w: it wants a terminal", ErrSudo)
	ErrSudoMissing        = fmt.Errorf("%w: it is not installed", ErrSudo)
)

// Error is what went wrong with one host.
type Error struct {
	Host string   // the Target's name
	Addr string   // host:port, empty before it is known
	Via  string   // the jump host that was at fault, if one was
	Err  error    // wraps a sentinel
	Hint string   // what to do about it, or empty; may be several lines, commands are pasteable
	Key  *HostKey // for the three ErrHostKey errors
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Host)
	if e.Addr != "" && e.Addr != e.Host {
		fmt.Fprintf(&b, " (%s)", e.Addr)
	}
	if e.Via != "" {
		fmt.Fprintf(&b, ": jump host %s", e.Via)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Hint gives the Hint of the first *Error in err's tree, or "".
func Hint(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// InterruptedError is a call that ended because its context was done.
type InterruptedError struct {
	doing string // what was under way, like "while installing files"; may be empty
	more  error  // what else is known, such as ErrNotStarted; may be nil
	cause error
}

// Interrupted says that ctx was done during a call. That somebody cancelled it is
// all that its cause says then; only another cause is named.
func Interrupted(ctx context.Context, doing string, more error) error {
	return &InterruptedError{doing, more, context.Cause(ctx)}
}

func (e *InterruptedError) Error() string {
	text := strings.TrimSuffix("interrupted "+e.doing, " ")
	if !errors.Is(e.cause, context.Canceled) {
		text += ": " + e.cause.Error()
	}
	if e.more != nil {
		text += "; " + e.more.Error()
	}
	return text
}

func (e *InterruptedError) Unwrap() []error {
	if e.more == nil {
		return []error{e.cause}
	}
	return []error{e.cause, e.more}
}

// ScriptError is a script that ran and did not end with 0.
type ScriptError struct {
	Host     string
	Script   string
	Code     int           // exit status; 128+N for signal N
	TimedOut time.Duration // the limit, when the node ended the script because of it; else 0
	Stderr   string        // the last 8 KiB, cleaned
}

func (e *ScriptError) Error() string {
	what := fmt.Sprintf("exit status %d", e.Code)
	if e.TimedOut > 0 {
		what = fmt.Sprintf("was still running after %s and was ended", e.TimedOut)
	}
	msg := fmt.Sprintf("%s: %s: %s", e.Host, e.Script, what)
	if tail := LastLines(e.Stderr); tail != "" {
		msg += ": " + tail
	}
	return msg
}

// LastLines gives the last three non-empty lines of s on one line, at most 300 bytes of it.
func LastLines(s string) string {
	const n, limit = 3, 300
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	joined := strings.Join(lines, " | ")
	if len(joined) > limit {
		joined = "…" + strings.ToValidUTF8(joined[len(joined)-limit:], "")
	}
	return joined
}
