package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// drainTime is how long Run waits for output after a script has ended: a daemon that it left behind may hold the streams open.
const drainTime = 2 * time.Second

// Run runs s as root and calls each, which may be nil, with every record in order, on the calling goroutine. An error of each ends
// the run and is returned as it is.
//
// A script that ends with 0 gives nil, any other *ScriptError. An *Error wraps ErrScript, ErrNotStarted (nothing of the body ran; joined
// to ErrSudo… or ErrConnectionLost where that is why), ErrSessions, ErrConnectionLost (the script may be running still, until its limit),
// ErrOutputLimit, ErrTimeout (the host did not end the script at its limit), ErrClosed, or the error of ctx.
//
// When ctx is done, Run closes the session and returns at once. The script gets SIGTERM where sshd passes it on (not to sudo's or
// root's children everywhere), else goes on until its end or its limit: what must not be interrupted has to be so on the host itself, and what
// must stop needs a short Limit. At most 8 scripts run at once on a Host; further calls wait.
func (h *Host) Run(ctx context.Context, s Script, each func(Record) error) error {
	if err := s.check(); err != nil {
		return &Error{Host: h.name, Err: err}
	}
	select {
	case h.sessions <- struct{}{}:
		defer func() { <-h.sessions }()
	case <-ctx.Done():
		return h.error(fmt.Errorf("interrupted: %w", errors.Join(context.Cause(ctx), ErrNotStarted)), "")
	}
	r := &run{host: h, script: s, nonce: newNonce(), records: make(chan Record), over: make(chan struct{}), faults: make(chan error, 3), exit: make(chan error, 1)}
	defer close(r.over)
	if err := r.open(ctx); err != nil {
		return err
	}
	defer r.session.Close() //nolint:errcheck // EOF when the host closed it already
	r.begin(ctx)
	return r.wait(ctx, each)
}

func (h *Host) error(err error, hint string) *Error {
	return &Error{Host: h.name, Addr: h.last.addr(), Err: err, Hint: hint}
}

// run is one execution of a script.
type run struct {
	host    *Host
	script  Script
	nonce   string
	command command
	session *ssh.Session
	started time.Time

	stdin   io.WriteCloser
	stdout  *frames
	stderr  *errorStream
	records chan Record   // closed at the end of standard output
	over    chan struct{} // closed when Run returns
	faults  chan error    // what a reader or the feeder gives up with
	exit    chan error    // what session.Wait gives
	begun   atomic.Bool   // the shell has read everything and called the body
	fed     atomic.Bool   // the whole stream was sent
}

func (r *run) readOutput() {
	defer close(r.records)
	for {
		line, err := r.stdout.next()
		if err != nil {
			if errors.Is(err, ErrOutputLimit) {
				r.fault(r.host.error(fmt.Errorf("%s %w", r.script.Name, err), ""))
			}
			return
		}
		record, begin, ok := parseRecord(line)
		if begin {
			r.begun.Store(true)
		}
		if begin || !ok {
			continue
		}
		select {
		case r.records <- record:
		case <-r.over:
			return
		}
	}
}

// wait brings records, exit status, faults and the caller's wishes together.
func (r *run) wait(ctx context.Context, each func(Record) error) error {
	limit := r.script.limit()
	// The host ends the script itself; this is for a host that does not.
	overdue := time.NewTimer(limit + killAfter + 5*time.Second)
	defer overdue.Stop()
	records, exit, drained := r.records, r.exit, r.stderr.drained
	var result error
	var enough <-chan time.Time
	for records != nil || exit != nil || drained != nil {
		select {
		case record, ok := <-records:
			if !ok {
				records = nil
			} else if each != nil {
				if err := each(record); err != nil {
					return err
				}
			}
		case result = <-exit:
			exit = nil
			enough = time.After(drainTime)
		case <-drained:
			drained = nil
		case <-enough:
			return r.ended(result)
		case err := <-r.faults:
			return err
		case <-ctx.Done():
			_ = r.session.Signal(ssh.SIGTERM)
			return r.host.error(fmt.Errorf("interrupted during %s: %w", r.script.Name, context.Cause(ctx)), "")
		case <-overdue.C:
			return r.host.error(fmt.Errorf("%w: %s was not ended after its limit of %s", ErrTimeout, r.script.Name, limit), "")
		}
	}
	return r.ended(result)
}

// ended turns the exit into what Run returns.
func (r *run) ended(exit error) error {
	code := 0
	var status *ssh.ExitError
	switch {
	case errors.As(exit, &status):
		code = status.ExitStatus()
	case exit != nil:
		return r.lost()
	}
	select {
	case err := <-r.faults:
		return err
	default:
	}
	if !r.begun.Load() {
		return r.notStarted(code)
	}
	if code == 0 {
		return nil
	}
	failed := &ScriptError{Host: r.host.name, Script: r.script.Name, Code: code, Stderr: r.stderr.String()}
	// timeout(1) ends with 124, or 137 when it had to kill; a script may do so too, but not after its limit.
	if (code == 124 || code == 137) && time.Since(r.started) >= r.script.limit() {
		failed.TimedOut = r.script.limit()
	}
	return failed
}
