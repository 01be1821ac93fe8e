package remote_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// Fakes of sudo: what the real ones (1.9.13, sudo-rs 0.2) print and how they leave.
const (
	parse = `prompt= stdin= ask=yes
while :; do
	case $1 in
	-n) ask= ;;
	-S) stdin=yes ;;
	-p) prompt=$2; shift ;;
	--) shift; break ;;
	esac
	shift
done
`
	// Reads a line byte by byte, as sudo does; read of the shell does too.
	wants = parse + `[ -n "$ask" ] || { echo "sudo: a password is required" >&2; exit 1; }
for try in 1 2 3; do
	printf %s "$prompt" >&2
	IFS= read -r password || { echo >&2; echo "sudo: no password was provided" >&2; exit 1; }
	[ "$password" = "it's \$secret" ] && exec "$@"
	sleep 0.05
	echo "Sorry, try again." >&2
done
echo "sudo: 3 incorrect password attempts" >&2
exit 1
`
	passes = parse + `exec "$@"`
	noise  = "echo 'sudo: unable to resolve host n1: Name or service not known' >&2\n"
)

const lecture = `echo "
We trust you have received the usual lecture from the local System
Administrator. It usually boils down to these three things:" >&2
`

func TestSudo(t *testing.T) {
	const secret = "it's $secret"
	tests := []struct {
		name     string
		sudo     string
		password string // empty: nobody to ask
		asked    int
		is       error
		want     string
		hint     string
	}{
		{name: "no password wanted", sudo: passes},
		{name: "no password wanted, one at hand", sudo: passes, password: secret},
		{name: "no password wanted, noise", sudo: noise + passes, password: secret},
		{name: "password", sudo: wants, password: secret, asked: 1},
		{name: "password, lecture and noise", sudo: noise + lecture + wants, password: secret, asked: 1},
		{
			name: "password wanted, nobody to ask", sudo: noise + wants, is: remote.ErrSudoPasswordNeeded,
			want: "node (HOST): sudo refused: it wants a password (sudo: unable to resolve host n1: Name or service not known | sudo: a password is required); the script did not start",
			hint: "use --ask-sudo-pass, or put into /etc/sudoers.d/kplb: pi ALL=(root) NOPASSWD: ALL",
		},
		{
			name: "wrong password", sudo: wants, password: "wrong", asked: 1, is: remote.ErrSudoPasswordWrong,
			want: "node (HOST): sudo refused: the password is wrong (Sorry, try again.); the script did not start",
		},
		{
			name: "password with a line break", sudo: wants, password: "a\nb", asked: 1, is: remote.ErrSudoPasswordWrong,
			want: "node (HOST): sudo refused: the password is wrong: it cannot hold a line break; the script did not start",
		},
		{
			name: "one attempt only", sudo: parse + `printf %s "$prompt" >&2; read -r x; echo "sudo: 1 incorrect password attempt" >&2; exit 1`,
			password: "wrong", asked: 1, is: remote.ErrSudoPasswordWrong,
			want: "node (HOST): sudo refused: the password is wrong (sudo: 1 incorrect password attempt); the script did not start",
		},
		{
			name: "not in sudoers", sudo: parse + `printf %s "$prompt" >&2; read -r x; echo "pi is not in the sudoers file." >&2; exit 1`,
			password: secret, asked: 1, is: remote.ErrSudoDenied,
			want: "node (HOST): sudo refused: the user may not run this as root (pi is not in the sudoers file.); the script did not start",
			hint: "put into /etc/sudoers.d/kplb: pi ALL=(root) NOPASSWD: ALL",
		},
		{
			name: "may not run", sudo: `echo "Sorry, user pi may not run sudo on n1." >&2; exit 1`, is: remote.ErrSudoDenied,
			want: "node (HOST): sudo refused: the user may not run this as root (Sorry, user pi may not run sudo on n1.); the script did not start",
			hint: "put into /etc/sudoers.d/kplb: pi ALL=(root) NOPASSWD: ALL",
		},
		{
			name: "only some commands", sudo: `echo "Sorry, user pi is not allowed to execute '/usr/bin/env' as root on n1." >&2; exit 1`, is: remote.ErrSudoDenied,
			want: "node (HOST): sudo refused: the user may not run this as root (Sorry, user pi is not allowed to execute '/usr/bin/env' as root on n1.); the script did not start",
			hint: "put into /etc/sudoers.d/kplb: pi ALL=(root) NOPASSWD: ALL",
		},
		{
			name: "requiretty", sudo: `echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1`, is: remote.ErrSudoTTY,
			want: "node (HOST): sudo refused: it wants a terminal (sudo: sorry, you must have a tty to run sudo); the script did not start",
			hint: "put into sudoers: Defaults:pi !requiretty",
		},
		{
			name: "sudo-rs", sudo: `echo "sudo: interactive authentication is required" >&2; exit 1`, is: remote.ErrSudoPasswordNeeded,
			want: "node (HOST): sudo refused: it wants a password (sudo: interactive authentication is required); the script did not start",
			hint: "use --ask-sudo-pass, or put into /etc/sudoers.d/kplb: pi ALL=(root) NOPASSWD: ALL",
		},
		{
			name: "locked account", sudo: `echo "sudo: account validation failure, is your account locked?" >&2; exit 1`, is: remote.ErrSudoDenied,
			want: "node (HOST): sudo refused: the user may not run this as root (sudo: account validation failure, is your account locked?); the script did not start",
			hint: "the account of pi is locked or has expired",
		},
		{
			name: "not installed", sudo: `echo "kplb: 1: exec: sudo: not found" >&2; exit 127`, is: remote.ErrSudoMissing,
			want: "node (HOST): sudo refused: it is not installed (kplb: 1: exec: sudo: not found); the script did not start",
			hint: "install sudo on the host, or log in as root",
		},
		{
			name: "something new", sudo: `echo "sudo: the moon is in the wrong phase" >&2; exit 1`, is: remote.ErrNotStarted,
			want: "node (HOST): sudo refused: exit status 1 (sudo: the moon is in the wrong phase); the script did not start",
			hint: "try it on the host, as pi: sudo -n /bin/sh -c id",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "sudo"), []byte("#!/bin/sh\n"+tt.sudo+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			s := remotetest.NewServer(t, remotetest.Options{User: "pi", Path: bin, Exec: remotetest.LocalShell})
			opts := s.Options()
			asked := 0
			if tt.password != "" {
				opts.SudoPassword = func(_ context.Context, host string) ([]byte, error) {
					asked++
					if host != "node" {
						t.Errorf("asked for %s", host)
					}
					return []byte(tt.password), nil
				}
			}
			// What the script reads must be what was sent: a password left in the stream would be run, or seen.
			got, err := collect(t, dial(t, s.Target(), opts), remote.Script{
				Name: "x", Body: `record args "$(tr '\0' ' ' </proc/$$/cmdline)" "$(env)" "$(set)"`, Vars: map[string]string{"A": "b"},
			})
			if !errors.Is(err, tt.is) || errText(err) != tt.want || remote.Hint(err) != tt.hint {
				t.Errorf("\n got  %s\n want %s\n hint %s", errText(err), tt.want, remote.Hint(err))
			}
			if tt.is != nil && !errors.Is(err, remote.ErrNotStarted) {
				t.Error("is not ErrNotStarted")
			}
			if (err == nil) != (len(got) == 1) || asked != tt.asked {
				t.Errorf("%d records, asked %d times", len(got), asked)
			}
			if strings.Contains(strings.Join(got, ""), "secret") || strings.Contains(s.Received()[0].Command, "secret") {
				t.Errorf("the password is where it does not belong: %s", got)
			}
		})
	}
}

func TestSudoNobodyAnswers(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "sudo"), []byte("#!/bin/sh\n"+wants), 0o755); err != nil {
		t.Fatal(err)
	}
	s := remotetest.NewServer(t, remotetest.Options{User: "pi", Path: bin, Exec: remotetest.LocalShell})
	opts := s.Options()
	opts.SudoPassword = func(context.Context, string) ([]byte, error) { return nil, errors.New("no terminal") }
	err := dial(t, s.Target(), opts).Run(t.Context(), remote.Script{Name: "x", Body: ":"}, nil)
	if want := "node (HOST): sudo refused: it wants a password, and there was none: no terminal; the script did not start"; errText(err) != want {
		t.Errorf("got  %s\nwant %s", errText(err), want)
	}
	opts.SudoPassword = func(ctx context.Context, _ string) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := dial(t, s.Target(), opts).Run(ctx, remote.Script{Name: "x", Body: ":"}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}
