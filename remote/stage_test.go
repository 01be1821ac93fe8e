package remote_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
)

// TestSudoThatEnds before it lets anybody through: what it said is quoted, and the hint is about that.
func TestSudoThatEnds(t *testing.T) {
	says := func(what string) string { return "echo '" + what + "' >&2; exit 1" }
	refused := func(cause, said string) string {
		return "node (HOST): sudo refused" + cause + " (" + said + "); the script did not start"
	}
	for _, c := range []struct{ name, sudo, want, hint string }{
		{"password expired", says("sudo: Account or password is expired, reset your password and try again"),
			refused(": the user may not run this as root", "sudo: Account or password is expired, reset your password and try again"), "log in as pi on a terminal and change the password: passwd"},
		{"account expired", says("sudo: Account expired or PAM config lacks an account section for sudo, contact your system administrator"),
			refused(": the user may not run this as root", "sudo: Account expired or PAM config lacks an account section for sudo, contact your system administrator"), "the account of pi has expired: chage -E -1 pi"},
		{"its log is on a full disk", says("sudo: unable to write to I/O log file: No space left on device"),
			refused("", "sudo: unable to write to I/O log file: No space left on device"), "make room on the host for sudo's log and time stamps: df -h /var/log /run"},
		{"its log is read-only", says("sudo: unable to open log file /var/log/sudo: Read-only file system"),
			refused("", "sudo: unable to open log file /var/log/sudo: Read-only file system"), "sudo cannot write its log or time stamps: a file system of the host is read-only"},
		{"sudoers is broken", says("/etc/sudoers:12:3: syntax error\nsudo: no valid sudoers sources found, quitting"),
			refused("", "/etc/sudoers:12:3: syntax error | sudo: no valid sudoers sources found, quitting"), "mend /etc/sudoers on the host: visudo -c names the line"},
		{"not setuid", says("sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set"),
			refused("", "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set"), "sudo must belong to root and be setuid there, on a file system without nosuid"},
		{"no new privileges", says("sudo: The \"no new privileges\" flag is set, which prevents sudo from running as root."),
			refused("", "sudo: The \"no new privileges\" flag is set, which prevents sudo from running as root."), "sshd or its container runs with no_new_privs, which sudo cannot work under: log in as root"},
		{"silent", "exit 7", "node (HOST): sudo refused: exit status 7; the script did not start", "try it on the host, as pi: sudo -n /bin/sh -c id"},
		{"killed", "echo 'sudo: asking the server' >&2; kill -9 $$", refused(": exit status 137", "sudo: asking the server"), "try it on the host, as pi: sudo -n /bin/sh -c id"},
		{"its shell is missing", parse + `shift; exec /nowhere/sh "$@"`, refused(": exit status 127", "SUDO: exec: /nowhere/sh: not found"), "try it on the host, as pi: sudo -n /bin/sh -c id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := dash.as(t, "", c.sudo, nil)
			got, err := collect(t, h, remote.Script{Name: "x", Body: "record here"})
			text := errText(err)
			if i := strings.Index(text, "DIR/sudo: "); i >= 0 { // the fake's own name, and the line
				_, rest, _ := strings.Cut(text[i+len("DIR/sudo: "):], " ")
				text = text[:i] + "SUDO: " + rest
			}
			if len(got) > 0 || !errors.Is(err, remote.ErrNotStarted) || !errors.Is(err, remote.ErrSudo) || text != c.want || remote.Hint(err) != c.hint {
				t.Errorf("\n got  %s\n want %s\n hint %s", text, c.want, remote.Hint(err))
			}
		})
	}
}

// TestShellIsEnded by sudo or somebody else after it has worked: it is not said that the script did not start.
func TestShellIsEnded(t *testing.T) {
	const sudoHint = "was it sudo (command_timeout in sudoers, a log that cannot be written), or somebody on the host? journalctl -t sudo says"
	for _, c := range []struct{ name, sudo, want, hint string }{
		{"by command_timeout", parse + `exec timeout 1 "$@"`, "(exit status 124)", sudoHint},
		{"by a signal", parse + `exec timeout -s KILL 1 "$@"`, "(exit status 137)", sudoHint},
		{"by sudo, which says why", parse + `exec 3<&0; "$@" <&3 3<&- & sleep 1; echo "sudo: unable to write to I/O log file: No space left on device" >&2; kill $!; exit 1`,
			"(exit status 1): sudo: unable to write to I/O log file: No space left on device", sudoHint},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := dash.as(t, "", c.sudo, nil)
			if got, err := collect(t, h, remote.Script{Name: "first", Body: "record on"}); err != nil || len(got) != 1 {
				t.Fatalf("%v, %v", got, err)
			}
			got, err := collect(t, h, remote.Script{Name: "second", Doing: "installing files", Body: "record on; sleep 3"})
			want := "node (HOST): connection lost while installing files: the shell on the host was ended from outside " + c.want
			if len(got) != 1 || !errors.Is(err, remote.ErrConnectionLost) || errors.Is(err, remote.ErrNotStarted) || errText(err) != want || remote.Hint(err) != c.hint {
				t.Errorf("%v\n got  %s\n want %s\n hint %s", got, errText(err), want, remote.Hint(err))
			}
			if got, err := collect(t, h, remote.Script{Name: "third", Body: "record on"}); err != nil || len(got) != 1 {
				t.Errorf("the next one: %v, %v", got, err)
			}
		})
	}
}

// TestProgramIsNotRead: sudo has let us through, and what it runs does not read the program.
func TestProgramIsNotRead(t *testing.T) {
	const through = "node (HOST): x: the script did not start: sudo let pi through, but its shell ended before it had read the program"
	const mark = parse + `echo "$3" | grep -o 'kplb-root-""[0-9a-f]*' | tr -d '"' >&2` + "\n"
	for _, c := range []struct{ name, sudo, want, hint string }{
		{"standard input away", parse + `exec "$@" </dev/null`, "node (HOST): the script did not start: a startup file of pi redirects standard input", strings.ReplaceAll(noTerminal, "root", "pi")},
		{"killed at once", mark + `kill -9 $$`, through + " (exit status 137)", ""},
		{"an ulimit", mark + `echo 'sh: cannot allocate memory' >&2; exit 2`, through + " (exit status 2): sh: cannot allocate memory", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := dash.as(t, "", c.sudo, nil)
			got, err := collect(t, h, remote.Script{Name: "x", Body: "record here"})
			if len(got) > 0 || !errors.Is(err, remote.ErrNotStarted) || errText(err) != c.want || remote.Hint(err) != c.hint {
				t.Errorf("\n got  %s\n want %s\n hint %s", errText(err), c.want, remote.Hint(err))
			}
		})
	}
}

// TestSlowSudo does not count for the limit of a script, nor for that of startup files.
func TestSlowSudo(t *testing.T) {
	t.Parallel()
	h := dash.as(t, "", "sleep 2\n"+passes, func(o *remote.Options) { o.ConnectTimeout = time.Second })
	start := time.Now()
	_, err := collect(t, h, remote.Script{Name: "slow", Body: "record here; sleep 60", Limit: time.Second})
	var failed *remote.ScriptError
	if !errors.As(err, &failed) || failed.TimedOut != time.Second {
		t.Errorf("err = %v", err)
	}
	if took := time.Since(start); took < 3*time.Second {
		t.Errorf("the script had less than its limit: all took %s", took)
	}
}
