package shell

import (
	"context"
	"fmt"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

// givePassword answers sudo's prompt.
func (o *opening) givePassword(ctx context.Context) error {
	host := o.shell.host
	password, err := host.c.SudoPassword(ctx, host.c.Name)
	if err != nil {
		return host.error(fmt.Errorf("%w, and there was none: %w; %w", failure.ErrSudoPasswordNeeded, err, failure.ErrNotStarted), "")
	}
	if strings.ContainsAny(string(password), "\n\x00") {
		return host.error(fmt.Errorf("%w: it cannot hold a line break; %w", failure.ErrSudoPasswordWrong, failure.ErrNotStarted), "")
	}
	_, _ = o.shell.stdin.Write(append(append([]byte{}, password...), '\n')) // an error shows as the end of the session
	return nil
}

// sudoTexts is what sudo (1.8, 1.9) and sudo-rs say in the C locale.
var sudoTexts = []struct {
	text string
	err  error
	hint string
}{
	{"must have a tty", failure.ErrSudoTTY, "put into sudoers: Defaults:%s !requiretty"},
	{"is not in the sudoers file", failure.ErrSudoDenied, "put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL"},
	{"may not run sudo", failure.ErrSudoDenied, "put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL"},
	{"is not allowed to execute", failure.ErrSudoDenied, "put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL"},
	{"I'm afraid I can't do that", failure.ErrSudoDenied, "put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL"},
	{"account validation failure", failure.ErrSudoDenied, "the account of %s is locked or has expired"},
	{"password is expired", failure.ErrSudoDenied, "log in as %s on a terminal and change the password: passwd"},
	{"password expired", failure.ErrSudoDenied, "log in as %s on a terminal and change the password: passwd"},
	{"Account expired", failure.ErrSudoDenied, "the account of %s has expired: chage -E -1 %s"},
	{"No space left on device", failure.ErrSudo, "make room on the host for sudo's log and time stamps: df -h /var/log /run"},
	{"Read-only file system", failure.ErrSudo, "sudo cannot write its log or time stamps: a file system of the host is read-only"},
	{"no valid sudoers sources", failure.ErrSudo, "mend /etc/sudoers on the host: visudo -c names the line"},
	{"setuid", failure.ErrSudo, "sudo must belong to root and be setuid there, on a file system without nosuid"},
	{"no new privileges", failure.ErrSudo, "sshd or its container runs with no_new_privs, which sudo cannot work under: log in as root"},
	{"incorrect password attempt", failure.ErrSudoPasswordWrong, ""},
	{"incorrect authentication attempt", failure.ErrSudoPasswordWrong, ""},
	{"no password was provided", failure.ErrSudoPasswordWrong, ""},
	{"a password is required", failure.ErrSudoPasswordNeeded, askPasswordHint},
	{"a terminal is required", failure.ErrSudoPasswordNeeded, askPasswordHint},
	{"interactive authentication is required", failure.ErrSudoPasswordNeeded, askPasswordHint},
	{"sudo: No such file or directory", failure.ErrSudoMissing, "install sudo on the host, or log in as root"},
	{"'sudo': No such file or directory", failure.ErrSudoMissing, "install sudo on the host, or log in as root"},
	{"sudo: not found", failure.ErrSudoMissing, "install sudo on the host, or log in as root"},
	{"can't execute 'sudo'", failure.ErrSudoMissing, "install sudo on the host, or log in as root"},
}

const askPasswordHint = "use --ask-sudo-pass, or put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL" //nolint:gosec // no password in it

// sudoEnded says why sudo ended before it let us through.
func (o *opening) sudoEnded(cause error) error {
	code, err := o.end(cause)
	if err != nil {
		return err
	}
	said := o.err.words()
	if o.asked && strings.Contains(said, "no password was provided") {
		return o.startupFile("redirects standard input")
	}
	for _, known := range sudoTexts {
		if strings.Contains(said, known.text) {
			return o.sudoRefused(known.err, strings.ReplaceAll(known.hint, "%s", o.user()))
		}
	}
	return o.sudoRefused(fmt.Errorf("%w: exit status %d", failure.ErrSudo, code), fmt.Sprintf("try it on the host, as %s: sudo -n /bin/sh -c id", o.user()))
}

// sudoRefused quotes what sudo said.
func (o *opening) sudoRefused(err error, hint string) error {
	if said := o.err.words(); said != "" {
		err = fmt.Errorf("%w (%s)", err, said)
	}
	return o.shell.host.error(fmt.Errorf("%w; %w", err, failure.ErrNotStarted), hint)
}
