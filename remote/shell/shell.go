package shell

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kplb/kplb/remote/failure"
)

// shell is one root shell on the host. It lasts as long as the connection and runs one script after the other, so that a script costs
// one round trip and no login, and sudo is asked once.
type shell struct {
	host       *Pool
	command    command
	session    *ssh.Session
	stdin      io.WriteCloser
	stdout     *listener
	stderr     *listener
	sent       bool          // the program was
	read       atomic.Bool   // and the shell has read it
	heartbeats sync.Once     // see Script.Heartbeat
	ended      chan struct{} // closed when the session has
	exit       error         // then: how

	busy    atomic.Bool
	writing sync.Mutex // a request goes out whole
}

// program is what the shell does: a line "nonce limit size", then a script of that many bytes. dd takes exactly those. A script that is
// cut short lacks its call, and runs nothing. An empty line is a heartbeat. What ends a script is said on both streams, on a line of its own.
const program = `kplb_next() {
	if [ "$kplb_silence" ]; then
		kplb_line=$(timeout "$kplb_silence" /bin/sh -c 'IFS= read -r line && printf "%s\n" "$line"' 8>&-) || return 1
	else
		IFS= read -r kplb_line || return 1
	fi
	set -- $kplb_line
	kplb_nonce=${1-} kplb_limit=${2-} kplb_size=${3-}
}
kplb_script() {
	dd bs="$kplb_size" count=1 iflag=fullblock 2>/dev/null
}
kplb_loop() {
	kplb_silence=
	while kplb_next; do
		[ "$kplb_size" ] || continue
		if [ "$kplb_limit" = resident ]; then
			eval "$(kplb_script)"
		else
			kplb_script 8>&- | timeout -k 10 "$kplb_limit" /bin/sh -s 8>&-
		fi
		set -- "$?" "$kplb_nonce"
		printf '\n%s %s\n' "$2" "$1"
		printf '\n%s\n' "$2" >&2
	done
}
trap '' HUP PIPE
echo "$kplb_read"
kplb_loop`

// openShell starts a shell and waits until it is root's. The library waits without a context, hence the goroutine: when ctx is done
// first it ends with the host's answer or with the connection.
func (h *Pool) openShell(ctx context.Context, resident bool) (*shell, error) {
	s := &shell{host: h, ended: make(chan struct{})}
	s.take()
	started := make(chan error, 1)
	go func() {
		err := s.start()
		if err == nil {
			err = s.open(ctx)
		}
		started <- err
	}()
	select {
	case err := <-started:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		go func() {
			if <-started == nil {
				s.close()
			}
		}()
		return nil, h.error(failure.Interrupted(ctx, "", failure.ErrNotStarted), "")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shells = append(h.shells, s)
	if resident {
		h.resident = s
	}
	return s, nil
}

func (s *shell) start() error {
	s.command = newCommand(s.host.c.User, s.host.c.SudoPassword != nil)
	cmd, err := s.host.c.Command(s.command.text)
	if err != nil {
		return s.refused(err)
	}
	s.session = cmd.Session
	stdin, errIn := s.session.StdinPipe()
	stdout, errOut := s.session.StdoutPipe()
	stderr, errErr := s.session.StderrPipe()
	if err := errors.Join(errIn, errOut, errErr); err != nil {
		return s.refused(err)
	}
	if err := cmd.Start(); err != nil {
		s.close()
		return s.refused(err)
	}
	s.stdin, s.stdout, s.stderr = stdin, newListener(stdout), newListener(stderr)
	go func() {
		s.exit = s.session.Wait()
		close(s.ended)
	}()
	return nil
}

// close ends the session. A script that runs goes on, and the shell ends after it.
func (s *shell) close() { _ = s.session.Close() } // EOF when the host closed it already

// send writes a request, whole.
func (s *shell) send(parts ...[]byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	_, err := s.stdin.Write(slices.Concat(parts...))
	return err
}

// sendHeartbeats writes an empty line at every interval in which no script runs, until the shell ends.
func (s *shell) sendHeartbeats(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-s.ended:
			return
		case <-t.C:
		}
		s.writing.Lock()
		if !s.busy.Load() {
			_, _ = s.stdin.Write([]byte("\n")) // an error shows as the end of the session
		}
		s.writing.Unlock()
	}
}
