package remote

import (
	"context"

	"github.com/kplb/kplb/remote/failure"
)

// What can be wrong with a host. Use errors.Is; the messages are for people.
var (
	ErrTarget         = failure.ErrTarget         // the Target itself, or ssh_config, before any connection
	ErrUnreachable    = failure.ErrUnreachable    // no TCP connection
	ErrTimeout        = failure.ErrTimeout        // reached, but mute (also joined to ErrUnreachable when TCP timed out)
	ErrHandshake      = failure.ErrHandshake      // not SSH, no common algorithm, or sshd hung up before the login
	ErrHostKeyUnknown = failure.ErrHostKeyUnknown // nothing recorded for this host
	ErrHostKeyChanged = failure.ErrHostKeyChanged // another key is recorded for this host
	ErrHostKeyRevoked = failure.ErrHostKeyRevoked // a @revoked line or a file of RevokedHostKeys names the key or its CA
	ErrAuth           = failure.ErrAuth           // no key was accepted
	ErrSudo           = failure.ErrSudo           // every ErrSudo… below is also ErrSudo
	ErrSessions       = failure.ErrSessions       // MaxSessions
	ErrForwarding     = failure.ErrForwarding     // AllowTcpForwarding no, or PermitOpen
	ErrForwardFailed  = failure.ErrForwardFailed  // refused or unreachable, as seen from the host
	ErrNotStarted     = failure.ErrNotStarted     // nothing of its body ran; may be joined to another sentinel
	ErrConnectionLost = failure.ErrConnectionLost // after the login; the script may or may not go on
	ErrOutputLimit    = failure.ErrOutputLimit    // MaxLine or MaxOutput
	ErrClosed         = failure.ErrClosed         // by Close
	ErrScript         = failure.ErrScript         // a Script whose names or values cannot be sent
	ErrKnownHosts     = failure.ErrKnownHosts     // permissions, disk, lock
)

// Why sudo refused.
var (
	ErrSudoPasswordNeeded = failure.ErrSudoPasswordNeeded
	ErrSudoPasswordWrong  = failure.ErrSudoPasswordWrong
	ErrSudoDenied         = failure.ErrSudoDenied
	ErrSudoTTY            = failure.ErrSudoTTY
	ErrSudoMissing        = failure.ErrSudoMissing
)

// Error is what went wrong with one host.
type Error = failure.Error

// ScriptError is a script that ran and did not end with 0.
type ScriptError = failure.ScriptError

// HostKey is a key that a host showed, and what is known about it.
type HostKey = failure.HostKey

// KeyState is what the known_hosts files say about a host's key.
type KeyState = failure.KeyState

// KnownEntry is a line of a known_hosts file.
type KnownEntry = failure.KnownEntry

// The verdicts on a key. Only KeyKnown lets a connection go on.
const (
	KeyUnknown = failure.KeyUnknown
	KeyKnown   = failure.KeyKnown
	KeyChanged = failure.KeyChanged
	KeyRevoked = failure.KeyRevoked
)

// Hint gives the Hint of the first *Error in err's tree, or "".
func Hint(err error) string { return failure.Hint(err) }

// Clean makes text of a host harmless, see failure.Clean.
func Clean(s string) string { return failure.Clean(s) }

// WithHint gives an error a hint, see failure.WithHint.
func WithHint(err error, hint string) error { return failure.WithHint(err, hint) }

func interrupted(ctx context.Context, doing string, more error) error {
	return failure.Interrupted(ctx, doing, more)
}

func lastLines(s string) string { return failure.LastLines(s) }
