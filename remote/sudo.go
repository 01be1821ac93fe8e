package remote

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// command is what sshd gives to the login shell, whichever that is: words without a character that any shell treats specially, but
// for what is between single quotes. It is the same for every host, but for two random marks when sudo may ask.
type command struct {
	text   string
	prompt string // sudo's prompt, or empty: it may not ask
	ready  string // printed on standard error once sudo has let us through
}

func (c command) asks() bool { return c.prompt != "" }

// clean starts a program by the system's PATH and in the C locale, whatever the login's rc files did.
const clean = "/usr/bin/env LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "

func (h *Host) command() command {
	// The program comes over the standard input, with the first script behind it.
	read := fmt.Sprintf(`eval "$(dd bs=%d count=1 iflag=fullblock 2>/dev/null)"`, len(program))
	switch {
	case h.last.user == "root":
		return command{text: "exec " + clean + "/bin/sh -c '" + read + "'"}
	case h.opts.SudoPassword == nil:
		return command{text: "exec " + clean + "sudo -n -- /bin/sh -c '" + read + "'"}
	}
	// These may be seen by every user of the host. Knowing them is of no use: only sudo and its child write to this stream.
	c := command{prompt: "kplb-prompt-" + newNonce(), ready: "kplb-ready-" + newNonce()}
	c.text = fmt.Sprintf("exec "+clean+"sudo -S -p %s -- /bin/sh -c 'echo %s >&2; %s'", c.prompt, c.ready, read)
	return c
}

// errorStream is the standard error of a run: its end, and the marks in it.
type errorStream struct {
	command
	tail
	r      io.Reader
	nonce  string
	window string
	marks  chan bool // true: sudo asks; false: it is through; closed at the end
	ended  bool      // the script has
}

func newErrorStream(r io.Reader, c command, nonce string) *errorStream {
	return &errorStream{command: c, tail: tail{limit: tailSize}, r: r, nonce: nonce, marks: make(chan bool, 8)}
}

// end is what the shell says when the script has ended.
func (e *errorStream) end() string { return "\n" + e.nonce + "\n" }

// add looks for marks; one may come in pieces.
func (e *errorStream) add(p []byte) {
	e.tail.add(p)
	e.window += string(p)
	e.ended = e.ended || strings.Contains(e.window, e.end())
	for e.asks() {
		prompt, ready := strings.Index(e.window, e.prompt), strings.Index(e.window, e.ready)
		switch {
		case prompt >= 0 && (ready < 0 || prompt < ready):
			e.mark(true)
			e.window = e.window[prompt+len(e.prompt):]
			continue
		case ready >= 0:
			e.mark(false)
			e.window = e.window[ready+len(e.ready):]
			continue
		}
		break
	}
	keep := max(len(e.prompt), len(e.ready), len(e.end())) - 1
	e.window = e.window[max(0, len(e.window)-keep):]
}

func (e *errorStream) mark(asks bool) {
	select {
	case e.marks <- asks:
	default:
	}
}

// String is for people: without our marks.
func (e *errorStream) String() string {
	text := strings.TrimSuffix(e.tail.String(), e.end())
	if e.asks() {
		text = strings.NewReplacer(e.prompt, "", e.ready+"\n", "").Replace(text)
	}
	return text
}

func (r *run) readErrors() {
	defer close(r.stderr.marks)
	buffer := make([]byte, 4<<10)
	for {
		n, err := r.stderr.r.Read(buffer)
		r.stderr.add(buffer[:n])
		if r.stderr.total > MaxOutput {
			r.fault(r.host.error(fmt.Errorf("%s %w: over %d MiB on standard error", r.script.Name, ErrOutputLimit, MaxOutput>>20), ""))
			return
		}
		if err != nil || r.stderr.ended {
			return
		}
	}
}

// passSudo answers sudo's question, if it comes: a cached timestamp or a NOPASSWD rule leaves it out, and then the password must not be
// what the shell reads first. It says whether the shell is there; when the stream ends before, the exit status will say why.
func (r *run) passSudo(ctx context.Context) (ready bool, err error) {
	asked := false
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case <-r.over:
			return false, nil
		case asks, open := <-r.stderr.marks:
			switch {
			case !open:
				return false, nil
			case !asks:
				return true, nil
			case asked:
				return false, r.host.error(fmt.Errorf("%w; %w", ErrSudoPasswordWrong, ErrNotStarted), "")
			}
			asked = true
			if err := r.givePassword(ctx); err != nil {
				return false, err
			}
		}
	}
}

func (r *run) givePassword(ctx context.Context) error {
	password, err := r.host.opts.SudoPassword(ctx, r.host.name)
	if err != nil {
		return r.host.error(fmt.Errorf("%w, and there was none: %w; %w", ErrSudoPasswordNeeded, err, ErrNotStarted), "")
	}
	if strings.ContainsAny(string(password), "\n\x00") {
		return r.host.error(fmt.Errorf("%w: it cannot hold a line break; %w", ErrSudoPasswordWrong, ErrNotStarted), "")
	}
	_, _ = r.shell.stdin.Write(append(append([]byte{}, password...), '\n')) // an error shows as the end of the session
	return nil
}

// sudoTexts is what sudo (1.8, 1.9) and sudo-rs say in the C locale.
var sudoTexts = []struct {
	text string
	err  error
	hint string
}{
	{"must have a tty", ErrSudoTTY, "put into sudoers: Defaults:%s !requiretty"},
	{"is not in the sudoers file", ErrSudoDenied, "put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL"},
	{"may not run sudo", ErrSudoDenied, "put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL"},
	{"is not allowed to execute", ErrSudoDenied, "put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL"},
	{"I'm afraid I can't do that", ErrSudoDenied, "put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL"},
	{"account validation failure", ErrSudoDenied, "the account of %s is locked or has expired"},
	{"incorrect password attempt", ErrSudoPasswordWrong, ""},
	{"incorrect authentication attempt", ErrSudoPasswordWrong, ""},
	{"no password was provided", ErrSudoPasswordWrong, ""},
	{"a password is required", ErrSudoPasswordNeeded, askPasswordHint},
	{"a terminal is required", ErrSudoPasswordNeeded, askPasswordHint},
	{"interactive authentication is required", ErrSudoPasswordNeeded, askPasswordHint},
	{"sudo: No such file or directory", ErrSudoMissing, "install sudo on the host, or log in as root"},
	{"'sudo': No such file or directory", ErrSudoMissing, "install sudo on the host, or log in as root"},
	{"can't execute 'sudo'", ErrSudoMissing, "install sudo on the host, or log in as root"},
}

const askPasswordHint = "use --ask-sudo-pass, or put into /etc/sudoers.d/kplb: %s ALL=(root) NOPASSWD: ALL" //nolint:gosec // no password in it

// notStarted says why the command ended before the body began.
func (r *run) notStarted(code int) error {
	stderr := r.stderr.String()
	if r.host.last.user != "root" {
		for _, known := range sudoTexts {
			if strings.Contains(stderr, known.text) {
				hint := known.hint
				if strings.Contains(hint, "%s") {
					hint = fmt.Sprintf(hint, r.host.last.user)
				}
				return r.host.error(fmt.Errorf("%w; %w", known.err, ErrNotStarted), hint)
			}
		}
	}
	said := lastLines(stderr)
	if said == "" {
		said = lastLines(r.stdout.noise.String())
	}
	if said == "" {
		said = "the host said nothing"
	}
	return r.host.error(fmt.Errorf("%s: %w (exit status %d): %s", r.script.Name, ErrNotStarted, code, said),
		"the login must be able to run commands: a usual shell, no forced command, /bin/sh and timeout installed")
}
