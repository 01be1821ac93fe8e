package shell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kplb/kplb/remote/failure"
)

// sudoLimit is for sudo, which may ask servers or a telephone; a person who types is not counted. Startup files have Options.ConnectTimeout.
const sudoLimit = 2 * time.Minute

// otherMark is how long the mark on one stream may come after that on the other, and what reads standard input after its end.
func (c Connection) otherMark() time.Duration { return c.ConnectTimeout / 3 }

// opening is the conversation with a new shell before a program is sent. The host speaks first: what startup files read or print,
// they read and print before a byte of ours is on its way.
type opening struct {
	shell    *shell
	out, err *listener

	onOut, onErr bool // the login shell's mark was heard there
	asked        bool // sudo has got the password
	came         int  // bytes, when that was last looked at
}

// open waits until the shell is root's and reads its standard input. It leaves the streams behind the last mark.
func (s *shell) open(ctx context.Context) error {
	o := &opening{shell: s, out: s.stdout, err: s.stderr}
	err := o.awaitLogin(ctx)
	if err == nil && s.command.root != "" {
		err = o.awaitRoot(ctx)
	}
	if err != nil {
		s.close()
		return err
	}
	o.err.forget()
	return nil
}

// awaitLogin waits for the mark on both streams.
func (o *opening) awaitLogin(ctx context.Context) error {
	out, err := o.out.listen(o.shell.command.login), o.err.listen(o.shell.command.login)
	limit := time.NewTimer(o.shell.host.c.ConnectTimeout)
	defer limit.Stop()
	stuck := false // nothing came within the limit, and standard input was closed
	for !o.onOut || !o.onErr {
		select {
		case h := <-out:
			if h.err != nil {
				o.onErr = o.onErr || last(err)
				return o.endedEarly(h.err, stuck)
			}
			o.onOut = true
			limit.Reset(o.shell.host.c.otherMark())
		case h := <-err:
			if h.err != nil {
				o.onOut = o.onOut || last(out)
				return o.endedEarly(h.err, stuck)
			}
			o.onErr = true
			limit.Reset(o.shell.host.c.otherMark())
		case <-limit.C:
			switch {
			case (o.onOut || o.onErr) && o.stillComes():
			case o.onOut || o.onErr:
				return o.redirected()
			case stuck:
				return o.neverCame()
			default:
				stuck = true
				_ = o.shell.stdin.Close() // what reads it goes on, or ends
			}
			limit.Reset(o.shell.host.c.otherMark())
		case <-ctx.Done():
			return o.shell.host.error(failure.Interrupted(ctx, "", failure.ErrNotStarted), "")
		}
	}
	if stuck {
		return o.readsInput()
	}
	o.err.forget()
	return nil
}

// stillComes says whether anything has come since it was last asked: a mark may be behind much that a startup file prints.
func (o *opening) stillComes() bool {
	before := o.came
	o.came = o.out.heard() + o.err.heard()
	return before != o.came && o.came < MaxOutput
}

// last waits for the rest of a stream whose other one has ended, and says whether a mark was in it.
func last(c <-chan heard) bool {
	select {
	case h := <-c:
		return h.err == nil
	case <-time.After(drainTime):
		return false
	}
}

// awaitRoot waits for sudo, and answers its question, if it comes: a cached timestamp or a NOPASSWD rule leaves it out, and then the
// password must not be what the shell reads first.
func (o *opening) awaitRoot(ctx context.Context) error {
	limit := time.NewTimer(sudoLimit)
	defer limit.Stop()
	marks := []string{o.shell.command.root}
	if o.shell.command.asks() {
		marks = append(marks, o.shell.command.prompt)
	}
	for {
		select {
		case h := <-o.err.listen(marks...):
			switch {
			case h.err != nil:
				return o.sudoEnded(h.err)
			case h.mark == o.shell.command.root:
				return nil
			case o.asked:
				return o.sudoRefused(failure.ErrSudoPasswordWrong, "")
			}
			o.asked = true
			if err := o.givePassword(ctx); err != nil {
				return err
			}
			limit.Reset(sudoLimit)
		case <-limit.C:
			return o.sudoRefused(fmt.Errorf("%w: %w: it did not let %s through within %s", failure.ErrSudo, failure.ErrTimeout, o.user(), sudoLimit), "")
		case <-ctx.Done():
			return o.shell.host.error(failure.Interrupted(ctx, "", failure.ErrNotStarted), "")
		}
	}
}

func (o *opening) user() string { return o.shell.host.c.User }

// end waits for the end of a session whose streams have ended, and gives its exit status. Its error says that the connection is gone, or that
// the host printed more than is accepted.
func (o *opening) end(cause error) (int, error) {
	if errors.Is(cause, failure.ErrOutputLimit) {
		return 0, o.shell.host.error(fmt.Errorf("the login shell of %s %w; %w", o.user(), cause, failure.ErrNotStarted), "")
	}
	select {
	case <-o.shell.ended:
	case <-time.After(drainTime):
		return 0, o.shell.lost()
	}
	code, ok := o.shell.status()
	if !ok {
		return 0, o.shell.lost()
	}
	return code, nil
}
