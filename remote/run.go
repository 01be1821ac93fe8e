package remote

import (
	"context"

	"github.com/kplb/kplb/remote/shell"
)

// Run runs s as root and calls each, which may be nil, with every record in order, on the calling goroutine. An error of each ends
// the run and is returned as it is.
//
// A script that ends with 0 gives nil, any other *ScriptError. An *Error wraps ErrScript, ErrNotStarted (nothing of the body ran; joined
// to ErrSudo… or ErrConnectionLost where that is why), ErrSessions, ErrConnectionLost (the script may be running still, until its limit),
// ErrOutputLimit, ErrTimeout (the host did not end the script at its limit), ErrClosed, or the error of ctx.
//
// When ctx is done, Run returns at once, and the script goes on until its end or its limit: what must stop needs a short Limit. A script
// runs in a shell of its connection that is free; sudo is asked once for each shell. At most 8 scripts run at once on a Host; further
// calls wait.
func (h *Host) Run(ctx context.Context, s Script, each func(Record) error) error {
	return h.pool.Run(ctx, s, each)
}

// Script is a constant POSIX sh program with typed data, see shell.Script.
type Script = shell.Script

// Record is one framed line that a script reported.
type Record = shell.Record

// What one script may print. Beyond it Run gives up with ErrOutputLimit.
const (
	MaxLine   = shell.MaxLine   // bytes in a record
	MaxOutput = shell.MaxOutput // bytes on standard output, and as many on standard error
)

// DefaultLimit ends a script that names no limit of its own.
const DefaultLimit = shell.DefaultLimit

// Quote makes s one word of sh, whatever it holds but NUL, which no shell can carry.
func Quote(s string) string { return shell.Quote(s) }
