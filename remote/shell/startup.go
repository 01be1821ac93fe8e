package shell

import (
	"fmt"
	"strings"

	"github.com/kplb/kplb/remote/failure"
)

// startupHint is for whatever startup files do that only a terminal can bear.
const startupHint = "have the startup files of %s do so in interactive shells only; in ~/.bashrc, above it: case $- in *i*) ;; *) return ;; esac"

// startupFile says what a startup file does, and what was printed meanwhile: a question, or the name of a file.
func (o *opening) startupFile(does string) error {
	return o.notReached(fmt.Sprintf("a startup file of %s %s", o.user(), does), fmt.Sprintf(startupHint, o.user()))
}

// notReached says why the login shell did not come to the command.
func (o *opening) notReached(why, hint string) error {
	if said := o.said(); said != "" {
		why += ": " + said
	}
	return o.shell.host.error(fmt.Errorf("%w: %s", failure.ErrNotStarted, why), hint)
}

// said is what the host has said, preferably on standard error.
func (o *opening) said() string {
	if said := o.err.words(); said != "" {
		return said
	}
	return o.out.words()
}

// redirected names the stream on which the mark was not heard.
func (o *opening) redirected() error {
	switch {
	case o.onOut:
		return o.startupFile("redirects standard error")
	case o.onErr:
		return o.startupFile("redirects standard output")
	}
	return o.startupFile("redirects standard output and standard error")
}

// readsInput is a login shell that came to the command only when its standard input was closed; one that is slow may have done so by chance.
func (o *opening) readsInput() error {
	hint := fmt.Sprintf(startupHint+"\nif they are only slow: --connect-timeout %s", o.user(), failure.Longer(o.shell.host.c.ConnectTimeout))
	return o.notReached("a startup file of "+o.user()+" reads standard input", hint)
}

// neverCame is a login shell that does not even end with its standard input.
func (o *opening) neverCame() error {
	patience := o.shell.host.c.ConnectTimeout
	err := fmt.Errorf("%w: the login shell of %s did not come to a command within %s", failure.ErrTimeout, o.user(), patience)
	if said := o.said(); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return o.shell.host.error(fmt.Errorf("%w; %w", err, failure.ErrNotStarted),
		fmt.Sprintf("does a startup file of %s wait for something? If it is only slow: --connect-timeout %s", o.user(), failure.Longer(patience)))
}

// loginTexts is what sshd, PAM and nologin say instead of a shell, in lower case.
var loginTexts = []struct{ text, hint string }{
	{"password has expired", "log in on a terminal and change the password: ssh %s"},
	{"password change required", "log in on a terminal and change the password: ssh %s"},
	{"required to change your password", "log in on a terminal and change the password: ssh %s"},
	{"account is currently not available", "give the user a shell there (usermod -s /bin/sh), or log in as another one"},
	{"account is not available", "give the user a shell there (usermod -s /bin/sh), or log in as another one"},
	{"sftp connections only", "sshd allows no commands for this user (ForceCommand): log in as another one"},
	{"/usr/bin/env", "the host needs /usr/bin/env and /bin/sh"},
}

// endedEarly says why the login shell ended before both marks were heard; after its standard input was closed, if stuck.
func (o *opening) endedEarly(cause error, stuck bool) error {
	code, err := o.end(cause)
	said := strings.ToLower(o.said())
	switch {
	case err != nil:
		return err
	case o.onOut || o.onErr || stuck && code == noProgram:
		return o.redirected()
	case stuck:
		return o.notReached(fmt.Sprintf("a startup file of %s replaced the shell, or sshd runs another command (exit status %d)", o.user(), code),
			fmt.Sprintf(startupHint, o.user())+"\nor allow commands for this login: no ForceCommand in sshd_config, no command= in authorized_keys")
	}
	hint := fmt.Sprintf("%s must be able to run commands: a usual shell, no startup file that ends or replaces it, no ForceCommand in sshd_config, no command= in authorized_keys", o.user())
	for _, known := range loginTexts {
		if strings.Contains(said, known.text) {
			hint = strings.Replace(known.hint, "%s", o.shell.host.c.Login, 1)
			break
		}
	}
	return o.notReached(fmt.Sprintf("the login shell ended before the first command (exit status %d)", code), hint)
}
