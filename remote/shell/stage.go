package shell

import (
	"fmt"

	"github.com/kplb/kplb/remote/failure"
)

// What can go wrong behind the last mark of an opening: the root shell does not read the program, the program cannot start the script, or somebody
// ends the shell.

// said is what the host has said during the run, preferably on standard error.
func (r *run) said() string {
	if said := failure.LastLines(r.stderr.String()); said != "" {
		return said
	}
	return failure.LastLines(r.stdout.noise.String())
}

// notRead says why the shell ended before it had read the program.
func (r *run) notRead(code int) error {
	user := r.host.c.User
	if code == noProgram {
		return r.host.error(fmt.Errorf("%w: a startup file of %s redirects standard input", failure.ErrNotStarted, user), fmt.Sprintf(startupHint, user))
	}
	reached := "the login shell was reached"
	if r.shell.command.root != "" {
		reached = "sudo let " + user + " through"
	}
	err := fmt.Errorf("%s: %w: %s, but its shell ended before it had read the program%s", r.script.Name, failure.ErrNotStarted, reached, r.shell.how())
	if said := r.said(); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return r.host.error(err, coreutilsHint(code))
}

// notStarted says why the script's own shell ended before the body began.
func (r *run) notStarted(code int) error {
	said := r.said()
	if said == "" {
		said = "the host said nothing"
	}
	return r.host.error(fmt.Errorf("%s: %w (exit status %d): %s", r.script.Name, failure.ErrNotStarted, code, said), coreutilsHint(code))
}

// coreutilsHint is for the exit statuses by which a shell says that it cannot run a command.
func coreutilsHint(code int) string {
	if code == 126 || code == 127 {
		return "the host needs /bin/sh, and dd and timeout of coreutils"
	}
	return ""
}

// lost says that the connection is gone, or the shell, and whether the script can have begun.
func (r *run) lost() error {
	err := fmt.Errorf("%w %s: %w", failure.ErrConnectionLost, r.script.during(), r.shell.whyLost())
	if said := r.stderr.String(); r.shell.how() != "" && failure.LastLines(said) != "" {
		err = fmt.Errorf("%w: %s", err, failure.LastLines(said))
	}
	if !r.fed.Load() {
		err = fmt.Errorf("%w; %w", err, failure.ErrNotStarted)
	}
	hint := ""
	if r.shell.how() != "" && r.shell.command.root != "" {
		hint = "was it sudo (command_timeout in sudoers, a log that cannot be written), or somebody on the host? journalctl -t sudo says"
	}
	return r.host.error(err, hint)
}
