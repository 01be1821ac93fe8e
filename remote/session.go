package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

// open starts the command, which then waits for the script. The library waits without a context, hence the goroutine: when ctx is
// done first it ends with the host's answer or with the connection, and the command gets nothing to run.
func (r *run) open(ctx context.Context) error {
	opened := make(chan error, 1)
	go func() { opened <- r.start() }()
	select {
	case err := <-opened:
		return err
	case <-ctx.Done():
		go func() {
			if <-opened == nil {
				_ = r.session.Close()
			}
		}()
		return r.host.error(fmt.Errorf("interrupted: %w", errors.Join(context.Cause(ctx), ErrNotStarted)), "")
	}
}

func (r *run) start() error {
	r.command = r.host.command(r.script.limit())
	cmd, err := r.host.client.Command(r.command.text)
	if err != nil {
		return r.refused(err)
	}
	r.session = cmd.Session
	stdin, errIn := r.session.StdinPipe()
	stdout, errOut := r.session.StdoutPipe()
	stderr, errErr := r.session.StderrPipe()
	if err := errors.Join(errIn, errOut, errErr); err != nil {
		return r.refused(err)
	}
	if err := cmd.Start(); err != nil {
		_ = r.session.Close()
		return r.refused(err)
	}
	r.stdin, r.stdout, r.stderr = stdin, newFrames(stdout, r.nonce), newErrorStream(stderr, r.command)
	return nil
}

// begin streams the script and starts reading.
func (r *run) begin(ctx context.Context) {
	r.started = time.Now()
	go r.feed(ctx)
	go r.readOutput()
	go r.readErrors()
	go func() { r.exit <- r.session.Wait() }()
}

// refused says why there is no session.
func (r *run) refused(err error) error {
	var channel *ssh.OpenChannelError
	if errors.As(err, &channel) {
		return r.host.error(fmt.Errorf("%w by the host (%s): %w", ErrSessions, Clean(channel.Message), ErrNotStarted),
			"raise MaxSessions in the host's sshd_config")
	}
	return r.lost()
}

// lost says that the connection is gone, and whether the script can have begun.
func (r *run) lost() error {
	select {
	case <-r.host.gone: // a session may notice first
	case <-time.After(100 * time.Millisecond):
	}
	cause := r.host.lostCause()
	if cause == nil {
		cause = errors.New("the session ended without an exit status")
	}
	err := fmt.Errorf("%w during %s: %w", ErrConnectionLost, r.script.Name, cause)
	if !r.fed.Load() {
		err = fmt.Errorf("%w; %w", err, ErrNotStarted)
	}
	return r.host.error(err, "")
}

// feed streams the script, once sudo lets it through.
func (r *run) feed(ctx context.Context) {
	defer r.stdin.Close() //nolint:errcheck // the exit status tells
	if r.command.asks() {
		ready, err := r.passSudo(ctx)
		if err != nil {
			r.fault(err)
		}
		if !ready {
			return
		}
	}
	// A write fails when the command has ended or the connection has: both are seen elsewhere.
	if _, err := r.stdin.Write(r.script.stream(r.nonce)); err == nil {
		r.fed.Store(true)
		r.beat()
	}
}

// beat writes a line every so often until Run returns. It begins after the shell has read the whole script: a shell reads ahead.
func (r *run) beat() {
	if r.script.Beat <= 0 {
		return
	}
	t := time.NewTicker(r.script.Beat)
	defer t.Stop()
	for {
		select {
		case <-r.over:
			return
		case <-t.C:
			if !r.begun.Load() {
				continue
			}
			if _, err := r.stdin.Write([]byte("\n")); err != nil {
				return // the session has ended; its exit status tells
			}
		}
	}
}

func (r *run) fault(err error) {
	select {
	case r.faults <- err:
	default:
	}
}
