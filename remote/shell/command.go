package shell

import "fmt"

// command is what sshd gives to the login shell, whichever that is: words without a character that any shell treats specially, but
// for what is between single quotes. It is the same for every host, but for its marks.
//
// A mark is printed on a line of its own when a stage is reached, and may come behind anything that was printed before it. The command does not
// contain it as it is printed: a shell that shows the commands that it runs reaches no stage by that.
type command struct {
	text    string
	login   string // printed on both streams once the login shell has come to the command
	prompt  string // sudo's prompt, or empty: it may not ask
	root    string // printed on standard error once sudo has let us through; empty: root logs in
	program string // printed on standard output by the program, once it was read
}

func (c command) asks() bool { return c.prompt != "" }

// clean starts a program by the system's PATH and in the C locale, whatever the login's startup files did.
const clean = "/usr/bin/env LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "

// noProgram is the exit status of a root shell whose standard input held no program.
const noProgram = 113

// newCommand makes the command for a user. The marks may be seen by every user of the host. Knowing them is of no use: only what the
// command runs writes to its streams.
func newCommand(user string, mayAsk bool) command {
	nonce := newNonce()
	c := command{login: "kplb-login-" + nonce, program: "kplb-program-" + nonce}
	greet := fmt.Sprintf(`set +x; { echo; echo kplb-login-""%s; } >&2; echo; echo kplb-login-""%s`, nonce, nonce)
	// The program comes over the standard input, with the first script behind it.
	read := fmt.Sprintf(`kplb_read=kplb-program-""%s; kplb_program=$(dd bs=%d count=1 iflag=fullblock 2>/dev/null); case $kplb_program in kplb_next*kplb_loop) eval "$kplb_program"; exit ;; esac; exit %d`,
		nonce, len(program), noProgram)
	if user == "root" {
		c.text = "exec " + clean + "/bin/sh -c '" + greet + "; " + read + "'"
		return c
	}
	c.root = "kplb-root-" + nonce
	sudo := "sudo -n"
	if mayAsk {
		c.prompt = "kplb-prompt-" + nonce
		sudo = "sudo -S -p " + c.prompt
	}
	c.text = fmt.Sprintf(`exec %s/bin/sh -c '%s; exec "$@"' kplb %s -- /bin/sh -c 'echo kplb-root-""%s >&2; %s'`, clean, greet, sudo, nonce, read)
	return c
}
