package remote_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// loginShell is a shell and the startup file that it reads for a command of sshd's.
type loginShell struct {
	command []string
	file    string
}

var (
	bash    = loginShell{[]string{"bash"}, ".bashrc"} // Debian's reads it below sshd
	fish    = loginShell{[]string{"fish"}, ".config/fish/config.fish"}
	tcsh    = loginShell{[]string{"tcsh"}, ".cshrc"}
	zsh     = loginShell{[]string{"zsh"}, ".zshenv"}
	mksh    = loginShell{[]string{"mksh"}, ".mkshrc"}
	dash    = loginShell{[]string{"dash"}, ".profile"}
	busybox = loginShell{[]string{"busybox", "ash"}, ".profile"}
)

const home = "HOME" // stands for the home directory in startup files and in what is wanted

// as logs in to a server whose login shell reads a startup file. The user is pi if there is a sudo, else root.
func (l loginShell) as(t *testing.T, startup, sudo string, change func(*remote.Options)) *remote.Host {
	t.Helper()
	if _, err := exec.LookPath(l.command[0]); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, l.file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(strings.ReplaceAll(startup, home, dir)+"\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	o := remotetest.Options{Exec: remotetest.LocalShell, Shell: l.command, Env: []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir + "/.config", "SHLVL=0", "SSH_CLIENT=192.0.2.1 1 22"}}
	if sudo != "" {
		o.User, o.Path = "pi", fakeSudo(t, sudo)
	}
	s := remotetest.NewServer(t, o)
	opts := s.Options()
	if change != nil {
		change(&opts)
	}
	return dial(t, s.Target(), opts)
}

// fakeSudo writes a program and gives its directory.
func fakeSudo(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sudo"), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStartupFileThatPrints and does what startup files do: none of it is in the way, and none of it is in the records.
func TestStartupFileThatPrints(t *testing.T) {
	if _, err := exec.LookPath("bash"); err == nil {
		got, err := collect(t, bash.as(t, "export STARTED=yes", "", nil), remote.Script{Name: "x", Body: `record started "$STARTED"`})
		if err != nil || strings.Join(got, "") != `started["yes"]` {
			t.Fatalf("the startup file is not read, and this test proves nothing: %v, %v", got, err)
		}
	}
	for _, c := range []struct {
		name    string
		shell   loginShell
		startup string
	}{
		{"no newline", bash, `printf 'Welcome to node 2'`},
		{"no newline on standard error", bash, `printf 'warning' >&2`},
		{"no newline on either", bash, `printf out; printf err >&2`},
		{"a title", bash, `printf '\033]0;node-2\a'`},
		{"a title that never ends", bash, `printf '\033]0;node-2'`},
		{"colours", bash, `printf '\033[0m'`},
		{"NUL and no text", bash, `printf '\0\377\376'`},
		{"half of a mark", bash, `printf 'kplb-login-'; printf '\nkplb-root-' >&2`},
		{"600 kB of lines", bash, `yes 'Welcome to node 2' | head -c 600000; yes 'warning' | head -c 600000 >&2`},
		{"600 kB without a line", bash, `head -c 600000 /dev/zero | tr '\0' x`},
		{"a pause", bash, `sleep 1`},
		{"something later", bash, `(for i in 1 2 3 4 5 6 7 8; do printf late; printf late >&2; sleep 0.05; done) &`},
		{"what only terminals can", bash, `stty -ixon; mesg n; tput init; bind 'set x'`},
		{"traces", bash, `set -x`},
		{"exported traces", bash, `set -xv; export SHELLOPTS`},
		{"reads what is there", bash, `read -t 0.1 x`},
		{"tee of standard output", bash, `exec > >(tee -a HOME/session.log)`},
		{"a hostile environment", bash, `export PATH=/nowhere IFS=x LC_ALL=tr_TR.UTF-8 CDPATH=/ ENV=/nowhere BASH_ENV=/nowhere PS4='$(exit 9)' POSIXLY_CORRECT=1 TMPDIR=/nowhere HOME=/nowhere`},
		{"functions", bash, `for f in dd env sudo printf timeout; do eval "$f() { builtin echo function; }; export -f $f"; done`},
		{"aliases", bash, `shopt -s expand_aliases; alias env=false dd=false`},
		{"options", bash, `set -euo pipefail; umask 000; cd /; ulimit -n 256`},
		{"a trap", bash, `trap 'echo bye' EXIT; trap '' INT TERM`},
		{"an error", bash, `this is no command; source /nowhere; )`},
		{"fish without a newline", fish, `printf 'Welcome to node 2'; printf '\033]0;t\a'; printf x >&2`},
		{"fish with a greeting", fish, `function fish_greeting; echo hello; end; echo hello; set -x LC_ALL C`},
		{"tcsh without a newline", tcsh, `printf 'Welcome to node 2'; printf '\033[0m'`},
		{"tcsh with aliases", tcsh, `alias echo false; alias env false; set noclobber; set echo; set verbose`},
		{"zsh without a newline", zsh, `printf 'Welcome to node 2'; printf x >&2`},
		{"zsh with options", zsh, `setopt shwordsplit noclobber nullglob xtrace; print -Pn '\e]0;%m\a'`},
		{"mksh", mksh, ``}, {"dash", dash, ``}, {"busybox", busybox, ``},
	} {
		for who, sudo := range map[string]string{"root": "", "sudo": passes} {
			t.Run(c.name+" as "+who, func(t *testing.T) {
				t.Parallel()
				h := c.shell.as(t, c.startup, sudo, nil)
				for range 2 {
					got, err := collect(t, h, remote.Script{Name: "x", Body: `printf 'no newline'; record here "$VALUE"; echo; record there`, Vars: map[string]string{"VALUE": "it's $HOME"}})
					if err != nil || strings.Join(got, " ") != `here["it's $HOME"] there[]` {
						t.Errorf("%v, %v (hint: %s)", got, errText(err), remote.Hint(err))
					}
				}
			})
		}
	}
}

const noTerminal = "have the startup files of root do so in interactive shells only; in ~/.bashrc, above it: case $- in *i*) ;; *) return ;; esac"

// TestStartupFileInTheWay: what it does is named, within a limit of its own, and a program is never fed to it.
func TestStartupFileInTheWay(t *testing.T) {
	const (
		file  = "node (HOST): the script did not start: a startup file of root "
		ended = "node (HOST): the script did not start: the login shell ended before the first command "
		usual = "root must be able to run commands: a usual shell, no startup file that ends or replaces it, no ForceCommand in sshd_config, no command= in authorized_keys"
		force = "\nor allow commands for this login: no ForceCommand in sshd_config, no command= in authorized_keys"
		slow  = "does a startup file of root wait for something? If it is only slow: --connect-timeout 5s"
		chsh  = "give the user a shell there (usermod -s /bin/sh), or log in as another one"
	)
	for _, c := range []struct {
		name       string
		shell      loginShell
		startup    string
		want, hint string
	}{
		{"both through tee", bash, `exec > >(tee -a HOME/session.log) 2>&1`, file + "redirects standard error", noTerminal},
		{"standard error away", bash, `exec 2>/dev/null`, file + "redirects standard error", noTerminal},
		{"standard error closed", bash, `exec 2>&-`, file + "redirects standard error", noTerminal},
		{"standard error in a file, with words", bash, `printf 'logging to a file'; exec 2>>HOME/log`, file + "redirects standard error: logging to a file", noTerminal},
		{"standard output away", bash, `exec >/dev/null`, file + "redirects standard output", noTerminal},
		{"standard output in a file", bash, `exec >>HOME/log`, file + "redirects standard output", noTerminal},
		{"standard output is standard error", bash, `exec >&2`, file + "redirects standard output", noTerminal},
		{"both away", bash, `exec >/dev/null 2>&1`, file + "redirects standard output and standard error", noTerminal},
		{"both in a file", bash, `exec &>>HOME/log`, file + "redirects standard output and standard error", noTerminal},
		{"standard input away", bash, `exec </dev/null`, file + "redirects standard input", noTerminal},
		{"standard input from a file", bash, `exec <HOME/.bashrc`, file + "redirects standard input", noTerminal},
		{"standard input closed", bash, `exec <&-`, file + "redirects standard input", noTerminal},
		{"read", bash, `read x`, file + "reads standard input", noTerminal + "\nif they are only slow: --connect-timeout 5s"},
		{"read with a question", bash, `printf 'Ticket: '; read x`, file + "reads standard input: Ticket:", noTerminal + "\nif they are only slow: --connect-timeout 5s"},
		{"cat", bash, `cat >HOME/in`, file + "reads standard input", noTerminal + "\nif they are only slow: --connect-timeout 5s"},
		{"head", bash, `head -c 100 >/dev/null`, file + "reads standard input", noTerminal + "\nif they are only slow: --connect-timeout 5s"},
		{"zsh reads", zsh, `read x`, file + "reads standard input", noTerminal + "\nif they are only slow: --connect-timeout 5s"},
		{"fish reads", fish, `read x`, file + "reads standard input", noTerminal + "\nif they are only slow: --connect-timeout 5s"},
		{"tcsh reads", tcsh, `set x = $<`, file + "reads standard input", noTerminal + "\nif they are only slow: --connect-timeout 5s"},
		{"zsh away", zsh, `exec 2>/dev/null`, file + "redirects standard error", noTerminal},
		{"another shell", bash, `exec sh`, file + "replaced the shell, or sshd runs another command (exit status 0)", noTerminal + force},
		{"another shell, which speaks", bash, `echo starting >&2; exec bash --norc`, file + "replaced the shell, or sshd runs another command (exit status 0): starting", noTerminal + force},
		{"a multiplexer", bash, `exec cat`, file + "replaced the shell, or sshd runs another command (exit status 0)", noTerminal + force},
		{"something that ends", bash, `exec true`, ended + "(exit status 0)", usual},
		{"a terminal is missed", bash, `echo 'open terminal failed: not a terminal' >&2; exit 1`, ended + "(exit status 1): open terminal failed: not a terminal", usual},
		{"exit", bash, `exit 3`, ended + "(exit status 3)", usual},
		{"zsh exits", zsh, `exit 3`, ended + "(exit status 3)", usual},
		{"nologin", bash, `echo 'This account is currently not available.'; exit 1`, ended + "(exit status 1): This account is currently not available.", chsh},
		{"sftp only", bash, `echo 'This service allows sftp connections only.'; exit 1`, ended + "(exit status 1): This service allows sftp connections only.", "sshd allows no commands for this user (ForceCommand): log in as another one"},
		{"an expired password", bash, `echo 'WARNING: Your password has expired.' >&2; echo 'Password change required but no TTY available.' >&2; exit 1`,
			ended + "(exit status 1): WARNING: Your password has expired. | Password change required but no TTY available.", "log in on a terminal and change the password: ssh -p PORT root@127.0.0.1"},
		{"killed", bash, `kill -9 $$`, ended + "(exit status 137)", usual},
		{"waits", bash, `echo 'waiting for the network'; sleep 6`, "node (HOST): did not answer in time: the login shell of root did not come to a command within 1.5s: waiting for the network; the script did not start", slow},
		{"stopped", bash, `kill -STOP $$`, "node (HOST): did not answer in time: the login shell of root did not come to a command within 1.5s; the script did not start", slow},
		{"prints for ever", bash, `yes`, "node (HOST): the login shell of root printed more than is accepted: over 16 MiB before the first command; the script did not start", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := c.shell.as(t, c.startup, "", func(o *remote.Options) {
				o.ConnectTimeout = 1500 * time.Millisecond
				if c.name == "prints for ever" {
					o.ConnectTimeout = 15 * time.Second
				}
			})
			start := time.Now()
			got, err := collect(t, h, remote.Script{Name: "x", Body: "record here", Limit: time.Minute})
			if len(got) > 0 || !errors.Is(err, remote.ErrNotStarted) || errText(err) != c.want || mask(remote.Hint(err)) != c.hint {
				t.Errorf("%s\n got  %s\n want %s\n hint %s", c.startup, errText(err), c.want, mask(remote.Hint(err)))
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestStartupFileThatReads gets no byte of a program, nor the password of sudo.
func TestStartupFileThatReads(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	h := bash.as(t, `cat >`+in, wants, func(o *remote.Options) {
		o.ConnectTimeout = time.Second
		o.SudoPassword = func(context.Context, string) ([]byte, error) { return []byte("it's $secret"), nil }
	})
	_, err := collect(t, h, remote.Script{Name: "x", Body: "record here"})
	if want := "node (HOST): the script did not start: a startup file of pi reads standard input"; errText(err) != want {
		t.Errorf("got  %s\nwant %s", errText(err), want)
	}
	if got, err := os.ReadFile(in); err != nil || len(got) > 0 {
		t.Errorf("it read %q, %v", got, err)
	}
}

// TestTraceIsNoPrompt: a shell that shows its commands shows sudo's prompt, too, and nobody is asked.
func TestTraceIsNoPrompt(t *testing.T) {
	for name, startup := range map[string]string{"traced": "set -x", "exported": "set -xv; export SHELLOPTS"} {
		t.Run(name, func(t *testing.T) {
			h := bash.as(t, startup, passes, func(o *remote.Options) {
				o.SudoPassword = func(context.Context, string) ([]byte, error) {
					t.Error("somebody was asked")
					return []byte("secret"), nil
				}
			})
			if got, err := collect(t, h, remote.Script{Name: "x", Body: "record here"}); err != nil || len(got) != 1 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
