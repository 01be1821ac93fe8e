package shell

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kplb/kplb/remote/failure"
)

// drainTime is how long Run waits for output after the shell has ended: a daemon that it left behind may hold the streams open.
const drainTime = 2 * time.Second

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
func (h *Pool) Run(ctx context.Context, s Script, each func(Record) error) error {
	if err := s.check(); err != nil {
		return &failure.Error{Host: h.c.Name, Err: err}
	}
	select {
	case h.sessions <- struct{}{}:
	case <-ctx.Done():
		return h.error(failure.Interrupted(ctx, "", failure.ErrNotStarted), "")
	}
	sh, err := h.takeShell(ctx, s.Resident)
	if err != nil {
		<-h.sessions
		return err
	}
	r := &run{host: h, shell: sh, script: s, nonce: newNonce(), records: make(chan Record), over: make(chan struct{}), drained: make(chan struct{}), faults: make(chan error, 3)}
	defer close(r.over)
	r.begin()
	err = r.wait(ctx, each)
	if !isClosed(r.drained) && !h.isResident(sh) {
		sh.close() // the script goes on all the same; what a resident one has set up must stay
	}
	return err
}

// run is one execution of a script.
type run struct {
	host    *Pool
	shell   *shell
	script  Script
	nonce   string
	started time.Time

	stdout  *frames
	stderr  *errorStream
	records chan Record   // closed at the end of standard output
	drained chan struct{} // closed at the end of both streams
	over    chan struct{} // closed when Run returns
	faults  chan error    // what a reader or the feeder gives up with
	begun   atomic.Bool   // the shell has read everything and called the body
	fed     atomic.Bool   // the whole script was sent
}

// wait brings records, exit status, faults and the caller's wishes together.
func (r *run) wait(ctx context.Context, each func(Record) error) error {
	limit := r.script.limit()
	// The host ends the script itself; this is for a host that does not.
	overdue := time.NewTimer(limit + killAfter + 5*time.Second)
	defer overdue.Stop()
	records, ended := r.records, r.shell.ended
	var enough <-chan time.Time
	for records != nil || !isClosed(r.drained) {
		drained := r.drained
		if records != nil {
			drained = nil // records first
		}
		select {
		case record, ok := <-records:
			if !ok {
				records = nil
			} else if each != nil {
				if err := each(record); err != nil {
					return err
				}
			}
		case <-drained:
		case <-ended:
			ended = nil
			enough = time.After(drainTime)
		case <-enough:
			return r.ended()
		case err := <-r.faults:
			r.shell.close()
			return err
		case <-ctx.Done():
			return r.host.error(failure.Interrupted(ctx, r.script.during(), nil), "")
		case <-overdue.C:
			r.shell.close()
			return r.host.error(fmt.Errorf("%w: %s was not ended after its limit of %s", failure.ErrTimeout, r.script.Name, limit), "")
		}
	}
	return r.ended()
}

// ended turns the exit into what Run returns.
func (r *run) ended() error {
	code, known := r.stdout.code, r.stdout.ended
	if !known {
		select {
		case <-r.shell.ended:
		case <-time.After(drainTime):
		}
		var exited bool
		if isClosed(r.shell.ended) {
			code, exited = r.shell.status()
		}
		if !exited {
			return r.lost()
		}
	}
	select {
	case err := <-r.faults:
		return err
	default:
	}
	switch {
	case !known && !r.shell.read.Load():
		return r.notRead(code)
	case !known:
		return r.lost()
	case !r.begun.Load():
		return r.notStarted(code)
	}
	if code == 0 {
		return nil
	}
	failed := &failure.ScriptError{Host: r.host.c.Name, Script: r.script.Name, Code: code, Stderr: r.stderr.String()}
	// timeout(1) ends with 124, or 137 when it had to kill; a script may do so too, but not after its limit.
	if (code == 124 || code == 137) && time.Since(r.started) >= r.script.limit() {
		failed.TimedOut = r.script.limit()
	}
	return failed
}

func (r *run) fault(err error) {
	select {
	case r.faults <- err:
	default:
	}
}
